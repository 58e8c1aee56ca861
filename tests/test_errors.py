"""The tree in the docstring is the tree in the code, and an error survives the journey between processes."""

from __future__ import annotations

import copy
import pickle
import re

import pytest

from loreli_ray import errors
from loreli_ray.errors import GitError, HubError, LoreliError, RateLimited

_LINE = re.compile(r"    (?P<branch>[│├└─ ]*)(?P<name>[A-Z]\w+)(?:  +\S.*)?")


def drawn() -> dict[str, str]:
    """Each class of the docstring's tree, and its parent there."""
    parents: dict[str, str] = {}
    above: dict[int, str] = {}
    for line in (errors.__doc__ or "").splitlines():
        match = _LINE.fullmatch(line)
        if match:
            depth = len(match["branch"]) // 4
            above[depth] = match["name"]
            parents[match["name"]] = above[depth - 1] if depth else "Exception"
    return parents


def kinds() -> list[type[LoreliError]]:
    found = [LoreliError]
    for kind in found:
        found += kind.__subclasses__()
    return [kind for kind in found if kind.__module__ == errors.__name__]


def test_the_tree_is_as_drawn() -> None:
    assert drawn() == {kind.__name__: kind.__bases__[0].__name__ for kind in kinds()}
    assert len(drawn()) >= 20
    for kind in kinds():
        assert kind.__doc__
        assert getattr(errors, kind.__name__) is kind


@pytest.mark.parametrize("kind", kinds())
def test_every_error_travels(kind: type[LoreliError]) -> None:
    error = kind("went wrong", subject="kira")
    for same in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(same) is kind
        assert (same.message, same.subject, same.args) == ("went wrong", "kira", ("went wrong",))
        assert str(same) == "kira: went wrong"
        assert vars(same) == vars(error)
    assert str(kind("went wrong")) == "went wrong"


def test_what_else_an_error_knows_travels_too() -> None:
    limited = pickle.loads(pickle.dumps(RateLimited("wait", subject="GET /x", status=403, retry_after=7.5)))
    assert (limited.status, limited.retry_after) == (403, 7.5)
    git = pickle.loads(pickle.dumps(GitError("no", subject="git push", returncode=1, stderr="fatal: no")))
    assert (git.returncode, git.stderr) == (1, "fatal: no")
    noted = HubError("no", status=500)
    noted.add_note("while merging")
    assert pickle.loads(pickle.dumps(noted)).__notes__ == ["while merging"]


@pytest.mark.parametrize(
    ("stderr", "unreachable"),
    [
        ("fatal: unable to access 'http://h/r.git/': transfer closed with 1000 bytes remaining to read", True),
        ("fatal: unable to access 'http://h/r.git/': Failed to connect to h port 9: Connection refused", True),
        ("fatal: unable to access 'http://h/r.git/': The requested URL returned error: 503", True),
        ("fatal: unable to access 'http://h/r.git/': The requested URL returned error: 429", True),
        ("fatal: unable to access 'http://h/r.git/': The requested URL returned error: 403", False),
        ("error: RPC failed; curl 18 transfer closed with 1 bytes remaining\nfatal: expected 'packfile'", True),
        ("error: RPC failed; curl 92 HTTP/2 stream 5 was not closed cleanly: CANCEL (err 8)", True),
        ("error: RPC failed; HTTP 502 curl 22 error\nfatal: expected 'acknowledgments'", True),
        ("error: RPC failed; HTTP 403 curl 22 error\nfatal: expected flush after ref listing", False),
        ("send-pack: unexpected disconnect while reading sideband packet", True),
        ("! [remote rejected] kira/1 -> kira/1 (pre-receive hook declined)", False),
        ("! [rejected] kira/1 -> kira/1 (stale info)", False),
    ],
)
def test_what_git_says_of_a_host_that_is_away(stderr: str, unreachable: bool) -> None:
    assert GitError("no", stderr=stderr).unreachable is unreachable
