"""The forge's folder: opened twice, by several processes, damaged, newer; and what may become a repository."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from loreli_ray.errors import ForgeError
from loreli_ray.forge import Forge, ForgeServer
from tests.forge.forge_kit import COLLABORATOR, OWNER, REPOSITORY, Checkout, run_git


def test_two_forges_share_one_folder(forge: Forge, tmp_path: Path) -> None:
    other = Forge.open(tmp_path / "data")
    try:
        assert other.token(OWNER) == forge.token(OWNER) == other.add_user(OWNER.upper())
        assert other.repositories() == [REPOSITORY]
        with ForgeServer(forge) as one, ForgeServer(other) as two:
            assert one.url != two.url

            def create(index: int) -> int:
                return (forge, other)[index % 2].create_issue(REPOSITORY, author=OWNER, title=f"{index}")

            with ThreadPoolExecutor(8) as pool:
                assert sorted(pool.map(create, range(40))) == list(range(1, 41))
    finally:
        other.close()


def test_processes_open_one_new_folder_at_once(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from loreli_ray.forge import Forge\n"
        "forge = Forge.open(Path(sys.argv[1])); print(forge.add_user('olive')); forge.close()\n"
    )
    root = Path(__file__).resolve().parents[2]
    started = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "d")], cwd=root, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    answers = [process.communicate(timeout=60)[0] for process in started]
    assert [process.returncode for process in started] == [0] * 4
    assert len(set(answers)) == 1


def test_a_folder_survives_its_forge(forge: Forge, tmp_path: Path) -> None:
    forge.create_issue(REPOSITORY, author=COLLABORATOR, title="x", body="y", labels=["loreli"])
    token = forge.token(COLLABORATOR)
    forge.close()
    with pytest.raises(ForgeError, match="closed"):
        forge.repositories()
    again = Forge.open(tmp_path / "data")
    assert again.token(COLLABORATOR) == token
    assert again.create_issue(REPOSITORY, author=OWNER, title="next") == 2
    again.close()


def test_what_can_not_be_opened(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "forge.db").write_text("this is no database, and it is long enough to be told apart" * 9)
    Forge.open(tmp_path / "newer").close()
    with closing(sqlite3.connect(tmp_path / "newer" / "forge.db")) as connection:
        connection.execute("PRAGMA user_version = 999")
    for name, words in (("file", "can't be made"), ("damaged", "can't be opened"), ("newer", "version 999")):
        with pytest.raises(ForgeError, match=words) as failed:
            Forge.open(tmp_path / name)
        assert str(tmp_path / name) in str(failed.value)


def test_the_folder_is_private(tmp_path: Path) -> None:
    Forge.open(tmp_path / "new").close()
    assert (tmp_path / "new").stat().st_mode & 0o077 == 0


def test_a_repository_takes_heads_and_tags_only(forge: Forge, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    run_git("init", "-q", "-b", "trunk", cwd=source)
    copy = Checkout(source)
    copy.commit("trunk", {"a": "1\n"})
    copy.commit("side", {"b": "1\n"})
    copy.git("checkout", "-q", "trunk")
    copy.git("tag", "v1")
    copy.git("update-ref", "refs/loreli/claims/1", "trunk")
    forge.add_repository("rose/plot", source=source)
    bare = forge.repository_path("Rose/PLOT")
    assert run_git("for-each-ref", "--format=%(refname)", cwd=bare).stdout.split() == [
        "refs/heads/side",
        "refs/heads/trunk",
        "refs/tags/v1",
    ]
    assert run_git("symbolic-ref", "HEAD", cwd=bare).stdout.strip() == "refs/heads/trunk"
    assert str(source) not in (bare / "config").read_text()
    assert forge.token("rose")


def test_what_can_not_become_a_repository(forge: Forge, tmp_path: Path) -> None:
    empty, inside = tmp_path / "empty", tmp_path / "empty" / "folder"
    inside.mkdir(parents=True)
    run_git("init", "-q", cwd=empty)
    for source, words in ((empty, "no commit"), (inside, "git repository"), (tmp_path / "none", "git repository")):
        with pytest.raises(ForgeError, match=words) as failed:
            forge.add_repository("olive/new", source=source)
        assert str(source) in str(failed.value)
    for name in ("olive", "olive/", "/x", "o/../x", "olive/..", "olive/a b", "-o/x", "olive/x.git", "olive/x/y"):
        with pytest.raises(ForgeError, match="owner/name"):
            forge.add_repository(name)
    with pytest.raises(ForgeError, match="already"):
        forge.add_repository(REPOSITORY.upper())
    assert forge.repositories() == [REPOSITORY]
    leftovers = [path.name for path in (tmp_path / "data" / "repositories").iterdir()]
    assert leftovers == [OWNER]


def test_nobody_and_nothing_are_named(forge: Forge) -> None:
    for call in (
        lambda: forge.token("ghost"),
        lambda: forge.repository_path("olive/none"),
        lambda: forge.add_collaborator("olive/none", "cole"),
        lambda: forge.create_issue(REPOSITORY, author="ghost", title="x"),
        lambda: forge.add_user("no such login!"),
    ):
        with pytest.raises(ForgeError):
            call()
