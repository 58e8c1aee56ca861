"""Agent programs that misbehave, as real MCP clients: `python odd_agent.py HOW`."""

from __future__ import annotations

import asyncio
import os
import sys
from itertools import cycle
from pathlib import Path

from mcp.types import TextContent

from loreli_ray.demo.agent import connected


async def main(how: str) -> None:
    """Asks for work, and once there is some: misbehaves."""
    async with connected() as client:
        if how == "limit":  # its own words that it can't go on, before its model has done a thing
            print("rate limit exceeded, says the file that it reads")
            print("* usage limit reached, come back at 3 pm", flush=True)
            await asyncio.sleep(3600)
        while True:
            result = await client.call_tool("assignment", {})
            text = "\n".join(part.text for part in result.content if isinstance(part, TextContent))
            if not text.startswith(("Nothing", "You are asked")):
                break
            await asyncio.sleep(0.2)
        print("reading", flush=True)
        match how:
            case "spin":  # looks busy, does nothing
                for sign in cycle("|/-\\"):
                    print(f"\r{sign} thinking", end="", flush=True)
                    await asyncio.sleep(0.2)
            case "compile":  # says nothing, works hard
                await asyncio.create_subprocess_exec(sys.executable, "-c", "while True: pass")
            case "hooks":  # says nothing, but a hook of it writes down what it does
                while True:
                    write_event()
                    await asyncio.sleep(0.5)
            case "cursed" if "cursed" not in text:
                await client.call_tool("finish", {"summary": "Not for me."})
            case _:
                sys.exit(3)
        await asyncio.sleep(3600)


def write_event() -> None:
    with Path(os.environ["LORELI_EVENTS"]).open("a") as events:
        events.write('{"event": "tool", "name": "Bash"}\n')


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
