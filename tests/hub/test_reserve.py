"""What was begun is brought to its end with what is left for that, when everything else must wait."""

from __future__ import annotations

import pytest

from loreli_ray.config import HubConfig
from loreli_ray.errors import RateLimited
from loreli_ray.forge import ForgeServer
from tests.hub.hub_kit import TEAM, House, by
from tests.hub.test_hub import issue, rest

LIMIT = 100


async def test_a_landing_is_settled_out_of_the_reserve(house: House) -> None:
    number = issue(house, "One", labels=("loreli", "loreli:review"))
    house.branch("kira/1-work", {"work.txt": "done\n"})
    with ForgeServer(house.forge, rate_limit=LIMIT) as server:
        hub = house.hub(config=HubConfig(api_url=server.url, min_write_interval=0.0, reserve=0.2))
        try:
            await hub.open()
            await hub.take_claim(number, agent="kira", generation=1, ttl=600.0, replaces=None)
            await hub.show_status(number, "**approved**")
            made = await hub.submit_pull(head="kira/1-work", title="Work", body="Did it.", by=by(issue=number))
            pull = await hub.pull(made)
            assert pull is not None
            commit = await hub.merge(pull, title="Work", message="At last")
            _use_up(house, server, left=0.15)
            assert await hub.settle(made, issue=number, note="**landed**") == commit
            with pytest.raises(RateLimited):
                await hub.show_status(number, "**more**")
            assert await hub.claim(number) is None
        finally:
            await hub.close()
    assert [label["name"] for label in rest(house, "GET", f"/issues/{number}")["labels"]] == ["loreli"]
    (note,) = rest(house, "GET", f"/issues/{number}/comments")
    assert note["body"].startswith("**landed**")


def _use_up(house: House, server: ForgeServer, *, left: float) -> None:
    """A person works with the same account."""
    with house.http(TEAM) as http:
        while int(http.get(f"{server.url}/user").headers["x-ratelimit-remaining"]) > LIMIT * left:
            pass
