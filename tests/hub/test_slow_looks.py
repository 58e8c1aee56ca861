"""A look may take longer than the host's clock can tell two changes apart."""

from __future__ import annotations

from loreli_ray.config import HubConfig
from tests.hub.hub_kit import Answer, Asked, House, Wire, forward
from tests.hub.test_hub import issue, rest


async def test_what_was_read_within_the_second_is_read_again(house: House) -> None:
    """The comments come at once, their answer late: another one of the same second moves no doorbell any more."""
    asked: list[str] = []

    def respond(one: Asked) -> Answer:
        answer = forward(one, to=house.server.url)
        if one.path.startswith(comments):
            asked.append(one.path)
            house.clock.advance(5.0)
        return answer

    number = issue(house, "One")
    comments = f"/repos/team/garden/issues/{number}/comments"
    rest(house, "POST", f"/issues/{number}/comments", body="First.")
    with Wire(respond, clock=house.clock) as wire:
        hub = house.hub(config=HubConfig(api_url=wire.url, min_write_interval=0.0))
        try:
            await hub.open()
            for looks in (1, 2):
                await hub.snapshot()
                assert len(asked) == looks
            await hub.snapshot()
            assert len(asked) == 2, "then that second is over"
        finally:
            await hub.close()
