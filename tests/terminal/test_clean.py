"""What may pass into a pane, and what comes out of one."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loreli_ray.errors import UsageError
from loreli_ray.terminal import MAX_INPUT, clean_input, clean_output

OBEYED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@given(st.text())
def test_nothing_a_terminal_obeys_passes(text: str) -> None:
    for clean in (clean_input, clean_output):
        assert not OBEYED.search(clean(text))
        assert clean(clean(text)) == clean(text)


@given(st.text(alphabet=st.characters(exclude_categories=["Cc", "Cs"])))
def test_plain_text_goes_in_unchanged(text: str) -> None:
    assert clean_input(f"{text}\n\t") == f"{text}\n\t"


def test_line_breaks_are_one_kind() -> None:
    assert clean_input("a\r\nb\rc\n") == "a\nb\nc\n"


def test_the_limit_counts_bytes() -> None:
    assert len(clean_input("é" * (MAX_INPUT // 2))) == MAX_INPUT // 2
    with pytest.raises(UsageError):
        clean_input("é" * (MAX_INPUT // 2 + 1))


@pytest.mark.parametrize(
    ("raw", "plain"),
    [
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bP1$r\x1b\\a\x1b(Bb\x1b=c", "abc"),
        ("\x9b31mred", "red"),
        ("line  \n\ttab \n\n\n", "line\n\ttab"),
        ("\n\nkept above", "\n\nkept above"),
        ("", ""),
    ],
)
def test_output_is_plain(raw: str, plain: str) -> None:
    assert clean_output(raw) == plain
