"""A program for measurements: it is silent, and reports each message that reaches its terminal by a tool call."""

from __future__ import annotations

import asyncio

from loreli_ray.demo.agent import connected, terminal


async def main() -> None:
    """Until its terminal closes."""
    lines = await terminal()
    async with connected() as client:
        while line := (await lines.readline()).decode().strip():
            if "turn" in line:
                await client.call_tool("progress", {"message": line})


if __name__ == "__main__":
    asyncio.run(main())
