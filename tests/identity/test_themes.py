from __future__ import annotations

import subprocess
from importlib.resources import files

import pytest

from loreli_ray.config import THEMES
from loreli_ray.errors import IdentityError
from loreli_ray.identity import Side, Theme, themes


def test_there_is_a_file_for_each_theme_and_no_other() -> None:
    held = {entry.name for entry in (files("loreli_ray.identity") / "themes").iterdir()}
    assert held == {f"{name}.toml" for name in THEMES}
    assert tuple(themes()) == THEMES


@pytest.mark.parametrize("theme", themes().values(), ids=lambda theme: theme.name)
def test_a_theme_has_enough_pairs_and_no_name_twice(theme: Theme) -> None:
    names = [name for pair in theme.pairs for name in pair]
    assert len(theme.pairs) >= 20
    assert len(names) == len(set(names))
    assert all(name.isascii() and name == name.lower() for name in names)


def test_git_accepts_every_name_in_a_branch() -> None:
    for theme in themes().values():
        for name in (name for pair in theme.pairs for name in pair):
            subprocess.run(["git", "check-ref-format", f"refs/heads/{name}/7-slug"], check=True, timeout=10)


@pytest.mark.parametrize("theme", themes().values(), ids=lambda theme: theme.name)
def test_opponents_face_each_other_on_opposite_sides(theme: Theme) -> None:
    for yin, yang in theme.pairs:
        assert theme.opponent(yin) == (yang, Side.YANG)
        assert theme.opponent(yang) == (yin, Side.YIN)
        assert theme.opponent(f"{yin}-12") == (f"{yang}-12", Side.YANG)


@pytest.mark.parametrize("name", ["nobody", "gandalf-", "gandalf-1", "gandalf-02", "gandalf-x", "-2", ""])
def test_what_is_not_of_the_theme_has_no_opponent(name: str) -> None:
    assert themes()["lotr"].opponent(name) is None


@pytest.mark.parametrize(
    "name", ["Gandalf", "tom bombadil", "android-18", "müller", "-x", "x-", "a--b", "", "x/y", "a.lock"]
)
def test_a_name_that_a_branch_or_a_number_could_not_carry_is_refused(name: str) -> None:
    with pytest.raises(IdentityError, match="kebab-case"):
        Theme(name="broken", pairs=((name, "other"),))


@pytest.mark.parametrize("pairs", [(("a", "a"),), (("a", "b"), ("c", "a")), (("a", "b"), ("a", "c"))])
def test_a_name_that_stands_twice_is_refused(pairs: tuple[tuple[str, str], ...]) -> None:
    with pytest.raises(IdentityError, match="twice"):
        Theme(name="broken", pairs=pairs)


def test_a_theme_without_names_is_refused() -> None:
    with pytest.raises(IdentityError, match="no names"):
        Theme(name="broken", pairs=())
