"""git itself against the forge: clone, push, refusals, and races for one ref."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.forge.forge_kit import HOME, OWNER, Checkout, House, run_git

CLAIM = "refs/loreli/claims/7"


def refused(url: str, *arguments: str, cwd: Path) -> str:
    done = run_git(*arguments, url, cwd=cwd, check=False)
    assert done.returncode != 0
    return done.stderr


def test_clone_fetch_and_push(house: House, owner: httpx.Client) -> None:
    copy = house.checkout()
    assert copy.git("log", "--format=%s") == "Begin"
    copy.commit("feature/one", {"x": "1\n"})
    copy.push("feature/one", "feature/one:refs/tags/v1")
    other = house.checkout("cole")
    assert "origin/feature/one" in other.git("branch", "-r")
    assert other.git("tag") == "v1"
    other.push(":feature/one")
    assert [b["name"] for b in owner.get(f"{HOME}/branches").json()] == ["main"]


def test_a_large_push_and_a_partial_clone(house: House) -> None:
    copy = house.checkout()
    (copy.path / "big.bin").write_bytes(os.urandom(50 * 1024 * 1024))
    head = copy.commit("big", {})
    copy.push("big")
    assert run_git("rev-parse", "big", cwd=house.bare).stdout.strip() == head
    thin = house.folder / "thin"
    run_git("clone", "-q", "--filter=blob:none", house.git_url(), str(thin), cwd=house.folder)
    assert (thin / "README.md").exists()


def test_who_may_push(house: House, tmp_path: Path) -> None:
    copy = house.checkout()
    copy.commit("x", {"x": "1\n"})
    push = ("push", "-q", house.git_url("sam"), "x")
    done = run_git(*push, cwd=copy.path, check=False)
    assert done.returncode != 0
    assert "403" in done.stderr
    done = run_git("push", "-q", house.git_url(None), "x", cwd=copy.path, check=False)
    assert "could not read Username" in done.stderr
    with house.http(None) as nobody:
        path = f"/{OWNER}/garden.git/info/refs"
        answer = nobody.get(path, params={"service": "git-receive-pack"})
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Basic realm="forge"')
        assert nobody.get(path, params={"service": "git-upload-pack"}).status_code == 200
        assert nobody.get(path, params={"service": "git-upload-pack"}, auth=("x", "wrong")).status_code == 401
        assert nobody.get(path).status_code == 404  # the dumb protocol
        assert nobody.get(f"/{OWNER}/garden.git/HEAD").status_code == 404
        assert nobody.get(f"/{OWNER}/garden.git/../../../etc/passwd").status_code in (401, 404)
        assert nobody.post(f"/{OWNER}/garden.git/git-receive-pack", content=b"0000").status_code == 401


def test_a_private_repository_is_hidden(house: House, tmp_path: Path, source: Path, stranger: httpx.Client) -> None:
    house.forge.add_repository(f"{OWNER}/cellar", source=source, private=True)
    listing = ("ls-remote", "-q")
    assert "could not read Username" in refused(house.git_url(None, name=f"{OWNER}/cellar"), *listing, cwd=tmp_path)
    assert "not found" in refused(house.git_url("sam", name=f"{OWNER}/cellar"), *listing, cwd=tmp_path)
    assert run_git(*listing, house.git_url(name=f"{OWNER}/cellar"), cwd=tmp_path).stdout
    assert stranger.get(f"/repos/{OWNER}/cellar").status_code == 404
    assert stranger.post(f"/repos/{OWNER}/cellar/issues", json={"title": "x"}).status_code == 404


def test_the_forges_own_refs_are_not_pushed(house: House, owner: httpx.Client) -> None:
    house.branch("bed", {"bed.md": "x\n"})
    house.pull(owner, "bed")
    copy = house.copies[0]
    done = run_git("push", "origin", "main:refs/pull/1/head", cwd=copy.path, check=False)
    assert done.returncode != 0
    done = run_git("push", "origin", ":main", cwd=copy.path, check=False)
    assert done.returncode != 0
    assert "refs/heads/main" in copy.git("ls-remote", "origin")


def test_the_first_push_names_the_default_branch(house: House, source: Path, owner: httpx.Client) -> None:
    house.forge.add_repository(f"{OWNER}/empty")
    assert owner.get(f"/repos/{OWNER}/empty/commits").status_code == 409
    run_git("push", "-q", house.git_url(name=f"{OWNER}/empty"), "main:trunk", cwd=source)
    assert owner.get(f"/repos/{OWNER}/empty").json()["default_branch"] == "trunk"
    copy = house.folder / "empty"
    run_git("clone", "-q", house.git_url(name=f"{OWNER}/empty"), str(copy), cwd=house.folder)
    assert (copy / "README.md").exists()


def lease(copy: Checkout, nonce: str) -> str:
    tree = copy.git("hash-object", "-t", "tree", "-w", "/dev/null")
    return copy.git("commit-tree", tree, "-m", nonce)


def test_exactly_one_of_twelve_wins_a_claim(house: House) -> None:
    copy = house.checkout()
    held = ""
    for _ in range(3):  # first nobody holds it, then everybody saw the same holder
        commits = [lease(copy, f"{index} {held}") for index in range(12)]

        def claim(commit: str, expected: str = held) -> bool:
            lease_on = f"--force-with-lease={CLAIM}:{expected}"
            done = run_git("push", "-q", lease_on, "origin", f"{commit}:{CLAIM}", cwd=copy.path, check=False)
            return done.returncode == 0

        with ThreadPoolExecutor(12) as pool:
            won = list(pool.map(claim, commits))
        assert won.count(True) == 1
        held = run_git("rev-parse", CLAIM, cwd=house.bare).stdout.strip()
        assert held == commits[won.index(True)]


def test_exactly_one_of_many_creates_a_ref(house: House, owner: httpx.Client) -> None:
    main = owner.get(f"{HOME}/git/ref/heads/main").json()["object"]["sha"]
    tree = owner.get(f"{HOME}/git/commits/{main}").json()["tree"]["sha"]

    def create(index: int) -> int:
        with house.http() as client:
            made = client.post(f"{HOME}/git/commits", json={"message": f"{index}", "tree": tree}).json()["sha"]
            return client.post(f"{HOME}/git/refs", json={"ref": CLAIM, "sha": made}).status_code

    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(create, range(12)))
    assert sorted(answers) == [201] + [422] * 11


def test_refs_over_rest(house: House, owner: httpx.Client) -> None:
    head = house.branch("bed", {"bed.md": "x\n"})
    main = owner.get(f"{HOME}/git/ref/heads/main").json()["object"]["sha"]

    def create(ref: str, sha: str = main) -> tuple[int, str]:
        answer = owner.post(f"{HOME}/git/refs", json={"ref": ref, "sha": sha})
        return answer.status_code, answer.json().get("message", "")

    assert create("refs/heads/new")[0] == 201
    assert create("refs/heads/new/er")[0] == 422  # beside a file no folder
    assert create("heads/x")[0] == 422
    for bad in ("refs/heads/a b", "refs/heads/../x", "refs/heads/-x/.lock", "refs/pull/9/head", "refs/heads/\x7f"):
        assert create(bad)[0] == 422, bad
    assert create("refs/heads/x", "1" * 40) == (422, "Object does not exist")
    assert owner.patch(f"{HOME}/git/refs/heads/bed", json={"sha": main}).json()["message"] == (
        "Update is not a fast forward"
    )
    assert owner.patch(f"{HOME}/git/refs/heads/none", json={"sha": main}).json()["message"] == (
        "Reference does not exist"
    )
    assert owner.patch(f"{HOME}/git/refs/heads/new", json={"sha": head}).status_code == 200
    assert owner.delete(f"{HOME}/git/refs/heads/none").status_code == 422
    assert owner.delete(f"{HOME}/git/refs/heads/main").status_code == 422
    assert owner.get(f"{HOME}/git/ref/heads/ne").status_code == 404
    assert [r["ref"] for r in owner.get(f"{HOME}/git/matching-refs/heads/ne").json()] == ["refs/heads/new"]
    assert len(owner.get(f"{HOME}/git/matching-refs/").json()) == 3


def test_the_token_is_not_in_gits_environment(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = next(Path(folder) / "git" for folder in os.environ["PATH"].split(":") if (Path(folder) / "git").exists())
    spy = tmp_path / "bin" / "git"
    spy.parent.mkdir()
    seen = tmp_path / "seen"
    spy.write_text(f'#!/bin/sh\nenv >> {seen}\necho "$@" >> {seen}\nexec {real} "$@"\n')
    spy.chmod(0o755)
    monkeypatch.setenv("PATH", f"{spy.parent}:{os.environ['PATH']}")
    with house.http() as client:
        service = {"service": "git-upload-pack"}
        assert client.get(f"/{OWNER}/garden.git/info/refs", params=service).status_code == 200
    text = seen.read_text()
    assert "REMOTE_USER=olive" in text
    assert house.forge.token(OWNER) not in text
