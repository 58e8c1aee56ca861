"""Markers: whatever is put into one comes out again, and nobody can forge or hide one."""

from __future__ import annotations

from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from loreli_ray.hub import markers

_text = st.text() | st.sampled_from(["-->", "--", "---->", "<!-- loreli {} -->", "}", '"', "\\", "\n", "\u2028"])
_json: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | _text, lambda inner: st.lists(inner) | st.dictionaries(_text, inner)
)


@given(_json, _text, _text)
@example("-->", "<!-- loreli {", "<!-- loreli")
def test_round_trip(value: object, before: str, after: str) -> None:
    line = markers.render("pull", value=value)
    assert "\n" not in line
    assert line.isascii()
    # An HTML comment ends at the first `-->` and may hold no `--` (and must not begin with `>`).
    inner = line.removeprefix("<!--").removesuffix("-->")
    assert "--" not in inner
    assert ">" not in inner
    assert markers.parse(line, "pull") == {"value": value}
    assert markers.parse(line, "review") is None
    assert markers.strip(line) == ""
    assert markers.parse(f"{before}\n\n{line}", "pull") == {"value": value}
    assert markers.strip(f"{before.strip()}\n\n{line}") == markers.strip(before)
    if "loreli" not in after:
        assert markers.parse(f"{before}\n\n{line}\n{after}", "pull") == {"value": value}


def test_what_an_agent_types_does_not_count() -> None:
    forged = markers.render("pull", agent="somebody else")
    text = f"{forged}\nMy work.\n{forged}\n\n{markers.render('pull', agent='kira')}"
    assert markers.parse(text, "pull") == {"agent": "kira"}
    assert markers.strip(text) == "My work."


def test_kinds_do_not_mix() -> None:
    text = f"{markers.render('pull', n=1)}\n{markers.render('review', n=2)}"
    assert markers.parse(text, "pull") == {"n": 1}
    assert markers.parse(text, "review") == {"n": 2}


def test_what_is_no_marker() -> None:
    for text in (None, "", "<!-- loreli -->", "<!-- loreli {not json} -->", '<!-- other {"kind":"pull"} -->'):
        assert markers.parse(text, "pull") is None
    assert markers.parse('<!-- loreli {"kind":\n"pull"} -->', "pull") is None
