from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loreli_ray.errors import UsageError
from loreli_ray.git import git
from loreli_ray.identity import MAX_SLUG, branch_name, names_of_branches, parse_branch, slug


@pytest.mark.parametrize(
    ("title", "branch"),
    [
        ("Fix the login page", "kira/7-fix-the-login-page"),
        ("  Déjà vu -- again?! ", "kira/7-deja-vu-again"),
        ("日本語", "kira/7"),
        ("", "kira/7"),
        ("a.lock", "kira/7-a-lock"),
        ("word " * 20, "kira/7-" + "-".join(["word"] * 10)),
        ("x" * 80, "kira/7-" + "x" * MAX_SLUG),
    ],
)
def test_a_branch_says_who_and_what(title: str, branch: str) -> None:
    assert branch_name("kira", 7, title) == branch


@given(agent=st.text(), issue=st.integers(), title=st.text())
def test_a_branch_can_be_read_back_or_is_refused(agent: str, issue: int, title: str) -> None:
    try:
        branch = branch_name(agent, issue, title)
    except UsageError:
        return
    assert parse_branch(branch) == (agent, issue)


@given(title=st.text())
def test_a_slug_is_short_and_plain(title: str) -> None:
    text = slug(title)
    assert len(text) <= MAX_SLUG
    assert set(text) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert text == text.strip("-")


@pytest.mark.parametrize("agent", ["kira", "Mr.Spock", "optimus-prime", "pokémon", "R2_D2"])
def test_a_branch_is_a_valid_ref(agent: str) -> None:
    git("check-ref-format", f"refs/heads/{branch_name(agent, 1, 'a title..lock @{x} ~^:')}")


@pytest.mark.parametrize("agent", ["", "a b", "a/b", "-x", ".x", "x.", "x..y", "x.lock", "a~b", "@{u}", "a\n"])
def test_other_names_are_refused(agent: str) -> None:
    with pytest.raises(UsageError):
        branch_name(agent, 1, "title")


@pytest.mark.parametrize(
    "branch",
    [
        "main",
        "kira/",
        "kira/x-1",
        "kira/0-x",
        "rescue/kira/s1-2",
        "kira/1_x",
        "kira/1-X",
        "a b/1-x",
        "/1-x",
        "x.lock/1",
    ],
)
def test_other_branches_are_nobodys(branch: str) -> None:
    assert parse_branch(branch) is None


def test_the_names_of_branches_are_their_agents() -> None:
    heads = ["gandalf/12-fix-the-bridge", "gandalf/13", "tom-bombadil/1-x", "main", "dependabot/npm/12-x"]
    assert names_of_branches(heads) == {"gandalf", "tom-bombadil"}
