"""The life of a pull request: opened, followed, reviewed, merged or refused."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.forge.forge_kit import HOME, REPOSITORY, Checkout, House


def get(client: httpx.Client, number: int = 1) -> dict[str, object]:
    return client.get(f"{HOME}/pulls/{number}").json()


def merge(client: httpx.Client, number: int = 1, **body: object) -> httpx.Response:
    return client.put(f"{HOME}/pulls/{number}/merge", json=body)


def message(answer: httpx.Response) -> str:
    body = answer.json()
    return body["errors"][0].get("message", body["errors"][0].get("code")) if "errors" in body else body["message"]


def test_the_head_follows_pushes_of_every_kind(house: House, owner: httpx.Client) -> None:
    first = house.branch("bed", {"bed.md": "tulips\n"})
    house.pull(owner, "bed")
    copy = house.copies[0]
    second = copy.commit("bed", {"bed.md": "roses\n"})
    copy.push("bed")
    assert get(owner)["head"]["sha"] == second  # pyright: ignore[reportIndexIssue]
    assert copy.git("ls-remote", "origin", "refs/pull/1/head").split()[0] == second
    copy.git("reset", "-q", "--hard", first)
    third = copy.commit("bed", {"bed.md": "lilies\n"})
    copy.git("push", "-q", "--force", str(house.bare), "bed")  # past the forge, straight into its folder
    assert [p["head"]["sha"] for p in owner.get(f"{HOME}/pulls").json()] == [third]
    assert owner.get(f"{HOME}/git/ref/pull/1/head").json()["object"]["sha"] == third


def test_opening_is_refused_as_on_github(house: House, owner: httpx.Client) -> None:
    house.branch("bed", {"bed.md": "tulips\n"})
    house.copies[0].push("origin/main:refs/heads/same")
    house.copies[0].git("checkout", "-q", "--orphan", "alien")
    house.copies[0].git("commit", "-q", "-m", "Land")
    house.copies[0].push("alien")

    def refusal(head: str, base: str = "main") -> tuple[int, str]:
        answer = owner.post(f"{HOME}/pulls", json={"title": "t", "head": head, "base": base})
        return answer.status_code, message(answer)

    house.pull(owner, "bed", draft=True)
    assert refusal("bed") == (422, "A pull request already exists for olive:bed.")
    assert refusal("olive:bed") == (422, "A pull request already exists for olive:bed.")
    assert refusal("same") == (422, "No commits between main and same")
    assert refusal("alien") == (422, "The alien branch has no history in common with main")
    assert refusal("nowhere") == (422, "invalid")
    assert refusal("sam:bed") == (422, "invalid")
    assert refusal("bed", "nowhere") == (422, "invalid")
    assert merge(owner).status_code == 405  # a draft


@pytest.mark.parametrize("method", ["merge", "squash", "rebase"])
def test_merging(house: House, owner: httpx.Client, method: str) -> None:
    owner.post(f"{HOME}/issues", json={"title": "weeds"})
    owner.post(f"{HOME}/issues", json={"title": "slugs"})
    house.branch("bed", {"bed.md": "tulips\n"}, message="Dig")
    copy = house.copies[0]
    head = copy.commit("bed", {"src/a.py": "a = 2\n"}, message="Plant")
    copy.commit("main", {"other.md": "moved on\n"})
    copy.push("bed", "main")
    base = copy.git("rev-parse", "main")
    house.pull(owner, "bed", body="Closes #1, and see #2")
    assert merge(owner, 3, sha=base).status_code == 409
    extra = {"commit_title": "Garden", "commit_message": "Fixes #2"} if method == "squash" else {}
    answer = merge(owner, 3, merge_method=method, sha=head, **extra)
    assert answer.status_code == 200, answer.text
    sha = answer.json()["sha"]
    copy.git("fetch", "-q")
    subjects = copy.git("log", "--format=%s", "--first-parent", f"{base}..origin/main").splitlines()
    assert copy.git("rev-parse", "origin/main") == sha
    assert (
        subjects
        == {"merge": ["Merge pull request #3 from olive/bed"], "squash": ["Garden"], "rebase": ["Plant", "Dig"]}[method]
    )
    assert copy.git("show", f"{sha}:src/a.py") == "a = 2"
    assert copy.git("show", f"{sha}:other.md") == "moved on"
    pull = get(owner, 3)
    assert (pull["merged"], pull["state"], pull["merge_commit_sha"]) == (True, "closed", sha)
    assert (pull["additions"], pull["changed_files"]) == (2, 2)  # still the difference it was merged with
    states = [owner.get(f"{HOME}/issues/{number}").json()["state"] for number in (1, 2)]
    assert states == ["closed", "closed" if method == "squash" else "open"]
    assert merge(owner, 3).status_code == 405
    assert owner.get(f"{HOME}/pulls/3/merge").status_code == 204
    assert owner.patch(f"{HOME}/pulls/3", json={"state": "open"}).status_code == 422


def test_a_conflict_can_not_be_merged(house: House, owner: httpx.Client) -> None:
    house.branch("bed", {"src/a.py": "a = 2\n"})
    house.pull(owner, "bed")
    assert get(owner)["mergeable"] is True
    copy = house.copies[0]
    copy.commit("main", {"src/a.py": "a = 3\n"})
    copy.push("main")
    pull = get(owner)
    assert (pull["mergeable"], pull["mergeable_state"]) == (False, "dirty")
    for method in ("merge", "squash", "rebase"):
        assert merge(owner, merge_method=method).status_code == 405
    assert owner.put(f"{HOME}/pulls/1/update-branch", json={}).status_code == 422
    assert owner.get(f"{HOME}/pulls/1/merge").status_code == 404


def test_a_branch_is_brought_up_to_date(house: House, owner: httpx.Client) -> None:
    head = house.branch("bed", {"bed.md": "tulips\n"})
    house.pull(owner, "bed")
    assert owner.put(f"{HOME}/pulls/1/update-branch", json={}).status_code == 422  # nothing new
    copy = house.copies[0]
    main = copy.commit("main", {"other.md": "x\n"})
    copy.push("main")
    assert owner.put(f"{HOME}/pulls/1/update-branch", json={"expected_head_sha": main}).status_code == 422
    assert owner.put(f"{HOME}/pulls/1/update-branch", json={"expected_head_sha": head}).status_code == 202
    commits = owner.get(f"{HOME}/pulls/1/commits").json()
    assert [p["sha"] for p in commits[-1]["parents"]] == [head, main]
    assert get(owner)["changed_files"] == 1


def test_only_one_of_many_merges_lands(house: House, owner: httpx.Client) -> None:
    for name in "abcdef":
        house.branch(name, {f"{name}.md": "x\n"})
        house.pull(owner, name)

    def land(number: int) -> tuple[int, int]:
        with house.http("cole" if number % 2 else "olive") as client:
            return number, merge(client, number, merge_method="squash").status_code

    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(land, [1, 1, 1, 1, 1, 1, 2, 3, 4, 5, 6, 6]))
    # Different ones are merged one after the other, the same one once.
    assert sorted(number for number, status in answers if status == 200) == [1, 2, 3, 4, 5, 6]
    assert {status for _, status in answers} <= {200, 405, 409}
    copy = house.copies[0]
    copy.git("fetch", "-q")
    assert sorted(copy.git("ls-tree", "--name-only", "origin/main").split()) == sorted(
        ["README.md", "src", *(f"{name}.md" for name in "abcdef")]
    )


def test_pushes_that_end_a_pull_request(house: House, owner: httpx.Client) -> None:
    owner.post(f"{HOME}/issues", json={"title": "weeds"})
    for name in ("gone", "pushed", "emptied"):
        house.branch(name, {f"{name}.md": "x\n"})
        house.pull(owner, name, body="Resolves #1" if name == "pushed" else "")
    copy = house.copies[0]
    copy.push(":gone")
    assert get(owner, 2)["state"] == "closed"
    copy.git("checkout", "-q", "main")
    copy.git("merge", "-q", "--no-ff", "-m", "By hand", "pushed")
    copy.push("main")
    pull = get(owner, 3)
    assert (pull["state"], pull["merged"]) == ("closed", True)
    assert owner.get(f"{HOME}/issues/1").json()["state"] == "closed"
    copy.push("+main:emptied")
    pull = get(owner, 4)
    assert (pull["state"], pull["merged"]) == ("closed", False)
    assert owner.patch(f"{HOME}/pulls/2", json={"state": "open"}).status_code == 422
    copy.push("gone:gone")
    assert owner.patch(f"{HOME}/pulls/2", json={"state": "open"}).json()["state"] == "open"


def test_the_base_can_change(house: House, owner: httpx.Client) -> None:
    house.branch("bed", {"bed.md": "x\n"})
    house.branch("release", {"notes.md": "x\n"})
    house.pull(owner, "bed")
    assert owner.patch(f"{HOME}/pulls/1", json={"base": "nowhere"}).status_code == 422
    assert owner.patch(f"{HOME}/pulls/1", json={"base": "release"}).json()["base"]["ref"] == "release"
    assert [p["number"] for p in owner.get(f"{HOME}/pulls", params={"base": "release"}).json()] == [1]
    house.pull(owner, "bed")  # beside it, into main
    assert owner.patch(f"{HOME}/pulls/1", json={"base": "main"}).status_code == 422


def test_a_merge_cut_off_by_a_crash_is_finished(
    house: House, owner: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner.post(f"{HOME}/issues", json={"title": "weeds"})
    house.branch("bed", {"bed.md": "x\n"})
    house.pull(owner, "bed", body="fixes #1")
    repository, actor = house.forge.repository(REPOSITORY), house.forge.user("cole")
    assert repository
    assert actor

    def crash(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(house.forge.pulls, "_landed", crash)
        with pytest.raises(KeyboardInterrupt):
            house.forge.pulls.merge(repository, 2, actor=actor, method="squash")
    pull = get(owner, 2)
    assert (pull["merged"], pull["merged_by"]["login"]) == (True, "cole")  # pyright: ignore[reportIndexIssue]
    assert owner.get(f"{HOME}/issues/1").json()["state"] == "closed"


# Reviews -----------------------------------------------------------------------------------------------------------


def review(client: httpx.Client, **body: object) -> httpx.Response:
    return client.post(f"{HOME}/pulls/1/reviews", json=body)


def test_nobody_judges_their_own_work(house: House, owner: httpx.Client, collaborator: httpx.Client) -> None:
    house.branch("bed", {"bed.md": "x\n"})
    house.pull(owner, "bed")
    assert review(owner, event="APPROVE").status_code == 422
    assert review(owner, event="REQUEST_CHANGES", body="no").status_code == 422
    assert review(owner, event="COMMENT", body="note").json()["state"] == "COMMENTED"
    assert review(collaborator, event="REQUEST_CHANGES").status_code == 422
    assert review(collaborator, event="COMMENT").status_code == 422
    assert review(collaborator, event="REQUEST_CHANGES", body="no").json()["state"] == "CHANGES_REQUESTED"
    assert review(collaborator, event="APPROVE").json()["state"] == "APPROVED"
    states = [r["state"] for r in owner.get(f"{HOME}/pulls/1/reviews").json()]
    assert states == ["COMMENTED", "CHANGES_REQUESTED", "APPROVED"]


def test_review_comments_stand_on_lines_of_the_difference(
    house: House, owner: httpx.Client, collaborator: httpx.Client
) -> None:
    text = "".join(f"line {number}\n" for number in range(40))
    house.branch("base", {"long.txt": text})
    house.copies[0].push("base:main")
    house.copies[0].git("fetch", "-q")
    head = house.branch("bed", {"long.txt": text.replace("line 5\n", "line five\n").replace("line 30\n", "")})
    house.pull(owner, "bed")

    def remark(line: int, side: str = "RIGHT", path: str = "long.txt") -> httpx.Response:
        one = {"path": path, "line": line, "side": side, "body": "hm"}
        return review(collaborator, event="COMMENT", commit_id=head, comments=[one])

    assert remark(6).status_code == 200
    assert remark(31, "LEFT").status_code == 200
    assert remark(20).status_code == 422
    assert remark(6, path="other.txt").status_code == 422
    assert review(collaborator, event="APPROVE", commit_id="0" * 40).status_code == 422
    new, old = owner.get(f"{HOME}/pulls/1/comments").json()
    assert new["diff_hunk"].splitlines()[-1] == "+line five"
    assert old["diff_hunk"].splitlines()[0].startswith("@@ -28")
    assert old["diff_hunk"].splitlines()[-1] == "-line 30"
    assert get(owner)["review_comments"] == 2


def test_the_plain_difference(house: House, owner: httpx.Client) -> None:
    house.branch("bed", {"src/a.py": "a = 2\n"})
    house.pull(owner, "bed")
    answer = owner.get(f"{HOME}/pulls/1", headers={"Accept": "application/vnd.github.diff"})
    assert answer.headers["content-type"].startswith("application/vnd.github.diff")
    assert answer.text.startswith("diff --git a/src/a.py b/src/a.py\n")
    assert answer.text.endswith("-a = 1\n+a = 2\n")


def test_files_of_every_kind(house: House, owner: httpx.Client) -> None:
    copy: Checkout = house.checkout()
    (copy.path / "image.bin").write_bytes(bytes(range(256)))
    (copy.path / "ctrl.txt").write_bytes(b"one\rdiff --git a/x b/x\r\ntwo\n")
    (copy.path / "with space & ü.txt").write_text("x\n")
    (copy.path / "link").symlink_to("README.md")
    copy.git("mv", "README.md", "READ.md")
    copy.commit("bed", {})
    copy.push("bed")
    copy.git("rm", "-q", "link")
    copy.commit("bed2", {"link": "a file now\n"}, start="bed")
    copy.git("rm", "-q", "src/a.py")
    copy.commit("bed2", {})
    copy.push("bed2")
    house.pull(owner, "bed")
    house.pull(owner, "bed2", base="bed")
    files = {f["filename"]: f for f in owner.get(f"{HOME}/pulls/1/files").json()}
    assert {name: f["status"] for name, f in files.items()} == {
        "image.bin": "added",
        "ctrl.txt": "added",
        "with space & ü.txt": "added",
        "link": "added",
        "READ.md": "renamed",
    }
    assert "patch" not in files["image.bin"]
    assert files["ctrl.txt"]["patch"].startswith("@@ -0,0 +1,2 @@\n+one\rdiff")
    assert files["READ.md"]["previous_filename"] == "README.md"
    changed = {f["filename"]: f for f in owner.get(f"{HOME}/pulls/2/files").json()}
    assert {name: f["status"] for name, f in changed.items()} == {"link": "changed", "src/a.py": "removed"}
    assert changed["src/a.py"]["patch"].endswith("-a = 1")
    raw = owner.get(f"{HOME}/contents/image.bin?ref=bed", headers={"Accept": "application/vnd.github.raw+json"})
    assert raw.content == bytes(range(256))


def test_strangers_may_not_merge(house: House, owner: httpx.Client, stranger: httpx.Client) -> None:
    house.branch("bed", {"bed.md": "x\n"})
    house.pull(owner, "bed")
    for answer in (
        merge(stranger),
        stranger.put(f"{HOME}/pulls/1/update-branch", json={}),
        stranger.patch(f"{HOME}/pulls/1", json={"state": "closed"}),
        stranger.post(f"{HOME}/git/refs", json={"ref": "refs/heads/x", "sha": "0" * 40}),
        stranger.delete(f"{HOME}/git/refs/heads/bed"),
        stranger.post(f"{HOME}/statuses/{'0' * 40}", json={"state": "success"}),
    ):
        assert answer.status_code == 403
    assert review(stranger, event="APPROVE").json()["author_association"] == "NONE"
