"""`updateRefs`: several refs at once or none, compare-and-swap on each, and what may not be moved."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import httpx
import pytest

from loreli_ray.forge.repository import ABSENT, EMPTY_TREE
from tests.forge.forge_kit import HOME, OWNER, House
from tests.forge.graphql_kit import change, post, refusal, repository_id

CLAIM = "refs/loreli/claims/7"
UPDATE = "mutation ($input: UpdateRefsInput!) { updateRefs(input: $input) { clientMutationId } }"


@pytest.fixture
def home(owner: httpx.Client) -> str:
    return repository_id(owner)


def commit(client: httpx.Client, message: str) -> str:
    """A commit without parents on the empty tree, as claims are."""
    answer = client.post(f"{HOME}/git/commits", json={"message": message, "tree": EMPTY_TREE})
    assert answer.status_code == 201, answer.text
    return answer.json()["sha"]


def move(client: httpx.Client, home: str, *updates: Mapping[str, object]) -> None:
    change(client, "updateRefs", "clientMutationId", repositoryId=home, refUpdates=updates)


def refused(client: httpx.Client, home: str, *updates: Mapping[str, object]) -> str:
    return refusal(client, "updateRefs", repositoryId=home, refUpdates=updates)[0]


def test_a_claim_is_taken_renewed_and_released(house: House, owner: httpx.Client, home: str) -> None:
    one, two = commit(owner, "one"), commit(owner, "two")
    git = house.forge.git(house.forge.repository(f"{OWNER}/garden"))  # type: ignore[arg-type]
    taken = {"name": CLAIM, "beforeOid": ABSENT, "afterOid": one}
    move(owner, home, taken)
    assert git.ref(CLAIM) == one
    assert refused(owner, home, taken | {"afterOid": two}) == "STALE_DATA"
    assert (
        refused(owner, home, {"name": CLAIM, "beforeOid": one, "afterOid": two}) == "UNPROCESSABLE"
    )  # no child of one
    move(owner, home, {"name": CLAIM, "beforeOid": one, "afterOid": two, "force": True})
    assert git.ref(CLAIM) == two
    assert refused(owner, home, {"name": CLAIM, "beforeOid": one, "afterOid": ABSENT}) == "STALE_DATA"
    move(owner, home, {"name": CLAIM, "beforeOid": two, "afterOid": ABSENT})
    assert git.ref(CLAIM) is None
    move(owner, home, {"name": CLAIM, "afterOid": one})  # without beforeOid: wherever it is
    assert git.ref(CLAIM) == one


def test_all_or_none(house: House, owner: httpx.Client, stranger: httpx.Client, home: str) -> None:
    head = house.branch("bed", {"bed.md": "x\n"})
    main = owner.get(f"{HOME}/git/ref/heads/main").json()["object"]["sha"]
    lease = commit(owner, "lease")

    def refs() -> set[str]:
        found = owner.get(f"{HOME}/git/matching-refs/").json()
        return {f"{one['ref']} {one['object']['sha']}" for one in found}

    before = refs()
    new = {"name": CLAIM, "beforeOid": ABSENT, "afterOid": lease}
    forward = {"name": "refs/heads/main", "beforeOid": main, "afterOid": head}
    for spoilt in (
        forward | {"beforeOid": head},
        {"name": "refs/heads/other", "beforeOid": ABSENT, "afterOid": "1" * 40},
        {"name": "refs/heads/other", "afterOid": ABSENT},
        {"name": "refs/heads/main", "afterOid": ABSENT},
        {"name": "refs/pull/1/head", "afterOid": head},
        {"name": "refs/main", "afterOid": head},
        {"name": "refs/heads/bed", "afterOid": main},  # backwards
        {"name": "refs/heads/tree", "afterOid": EMPTY_TREE},
        {"name": "refs/heads/a..b", "afterOid": head},
        {"name": "refs/heads/bed/beneath", "afterOid": head},  # a file and a folder of one name
        {"name": CLAIM, "afterOid": head},  # twice
    ):
        assert refused(owner, home, new, spoilt) in ("STALE_DATA", "UNPROCESSABLE"), spoilt
        assert refs() == before, spoilt
    assert refused(stranger, home, new) == "FORBIDDEN"
    move(owner, home, new, forward)
    assert refs() == {f"{CLAIM} {lease}", f"refs/heads/main {head}", f"refs/heads/bed {head}"}
    answer = post(owner, UPDATE, input={"repositoryId": home, "refUpdates": [{"name": "main", "afterOid": head}]})
    assert "ref name" in answer["errors"][0]["message"]


def test_one_ref_at_a_time(house: House, owner: httpx.Client, home: str) -> None:
    head = house.branch("bed", {"bed.md": "x\n"})
    main = owner.get(f"{HOME}/git/ref/heads/main").json()["object"]["sha"]
    shown = "ref { id name target { oid } }"
    made = change(owner, "createRef", shown, repositoryId=home, name="refs/heads/other", oid=main)["ref"]
    assert (made["name"], made["target"]["oid"]) == ("other", main)
    assert refusal(owner, "createRef", repositoryId=home, name="refs/heads/other", oid=main)[0] == "STALE_DATA"
    moved = change(owner, "updateRef", shown, refId=made["id"], oid=head)["ref"]
    assert moved["target"]["oid"] == head
    assert refusal(owner, "updateRef", refId=made["id"], oid=main)[0] == "UNPROCESSABLE"
    change(owner, "updateRef", shown, refId=made["id"], oid=main, force=True)
    change(owner, "deleteRef", "clientMutationId", refId=made["id"])
    assert refusal(owner, "deleteRef", refId=made["id"])[0] == "NOT_FOUND"


def test_of_many_racers_one_wins(house: House, owner: httpx.Client, home: str) -> None:
    racers, held = 12, ABSENT
    for turn in range(3):
        leases = [commit(owner, f"racer {number} in {turn}") for number in range(racers)]
        start = Barrier(racers)

        def race(lease: str, expected: str = held, start: Barrier = start) -> bool:
            update = {"name": CLAIM, "beforeOid": expected, "afterOid": lease, "force": True}
            with house.http(OWNER) as client:
                start.wait(30)
                answer = post(client, UPDATE, input={"repositoryId": home, "refUpdates": [update]})
            errors = [error["type"] for error in answer.get("errors", [])]
            assert errors in ([], ["STALE_DATA"]), answer
            return not errors

        with ThreadPoolExecutor(racers) as pool:
            winners = [lease for lease, won in zip(leases, pool.map(race, leases), strict=True) if won]
        assert len(winners) == 1
        held = winners[0]
        assert owner.get(f"{HOME}/git/ref/loreli/claims/7").json()["object"]["sha"] == held
