from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loreli_ray.config import PLACEHOLDERS, fill


@pytest.mark.parametrize(
    ("argument", "filled"),
    [
        ("{agent}", "gandalf"),
        ("--name={agent}:{role}", "--name=gandalf:action"),
        ("{agent}{agent}", "gandalfgandalf"),
        ("{}", "{}"),
        ('{"agent": "x"}', '{"agent": "x"}'),
        ("${HOME}", "${HOME}"),
        ("{ agent }", "{ agent }"),
        ("{{agent}}", "{gandalf}"),
        ("", ""),
    ],
)
def test_a_word_in_braces_is_filled_in(argument: str, filled: str) -> None:
    assert fill([argument], {"agent": "gandalf", "role": "action"}) == [filled]


@given(st.text())
def test_what_is_filled_in_is_not_looked_at_again(prompt: str) -> None:
    values = dict.fromkeys(PLACEHOLDERS, "x") | {"prompt": prompt}
    assert fill(["run", "{prompt}", "a {prompt} b"], values) == ["run", prompt, f"a {prompt} b"]


def test_a_value_that_is_needed_must_be_there() -> None:
    with pytest.raises(KeyError, match="model"):
        fill(["{model}"], {})
