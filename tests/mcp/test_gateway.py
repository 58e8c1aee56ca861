"""The gateway over real HTTP: who gets in, what reaches the desk and in whose name, and what the agent reads."""

from __future__ import annotations

import asyncio
import json
import socket
import stat
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from loreli_ray.errors import DeadlineExceeded
from loreli_ray.mcp import Gateway, LineComment
from tests.mcp.mcp_kit import Counter, House, initialize, rpc, said

TOOLS = {"assignment", "progress", "submit_pull_request", "answer_review", "submit_review", "ask_human", "finish"}
MODES = ["auto", "legacy"]
OLD = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"]


# ── who gets in ──


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer wrong",
        "Bearer é",
        "Basic {token}",
        "{token}",
        "Bearer {token}x",
        "Bearer {half}",
    ],
)
async def test_nobody_without_a_capability(house: House, authorization: str | None) -> None:
    token = house.admit("kira")
    async with house.http(None) as http:
        headers: dict[bytes, bytes] = {}
        if authorization is not None:
            headers[b"authorization"] = authorization.format(token=token, half=token[:20]).encode()
        for method in ("POST", "GET", "DELETE", "OPTIONS"):
            answer = await http.request(method, house.gateway.url, json=rpc("tools/list"), headers=headers)
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"] == "Bearer"
            assert token not in answer.text
        assert (await http.get(house.gateway.url.replace("/mcp", "/elsewhere"))).status_code == 401
    assert house.met == []
    assert house.desk.calls == []


async def test_an_empty_capability_opens_nothing(house: House, tmp_path: Path) -> None:
    """A crash may leave an empty file: it is made anew, and an empty token is none."""
    file = tmp_path / "torn" / "token"
    file.parent.mkdir()
    file.touch()
    house.gateway.admit("kira", token_file=file)
    assert len(file.read_text()) > 30
    async with house.http(None) as http:
        answer = await http.post(house.gateway.url, json=rpc("tools/list"), headers={"authorization": "Bearer"})
        assert answer.status_code == 401
    async with house.client(file.read_text()) as client:
        assert said(await client.call_tool("assignment")) == "Nothing to do, kira."


@pytest.mark.parametrize("mode", MODES)
async def test_a_capability_that_was_taken_away(house: House, mode: str) -> None:
    token = house.admit("kira")
    other = house.admit("lee")
    answered = list[str]()

    async def twice() -> None:
        async with house.client(token, mode=mode) as client:
            answered.append(said(await client.call_tool("assignment")))
            house.gateway.dismiss("kira")
            house.gateway.dismiss("nobody")
            answered.append(said(await client.call_tool("assignment")))

    with pytest.raises(ExceptionGroup):
        await twice()
    assert len(answered) == 1
    async with house.http(token) as http:
        assert (await http.post(house.gateway.url, json=initialize("2025-06-18"))).status_code == 401
    assert house.desk.calls == [("kira", "assignment")]
    async with house.client(other) as client:
        await client.call_tool("assignment")
    assert house.admit("kira") == token, "the file is the capability"


async def test_the_file_is_private(house: House, tmp_path: Path) -> None:
    tokens = {house.admit(f"agent-{n}") for n in range(5)}
    assert len(tokens) == 5
    for folder in (tmp_path / "agents").iterdir():
        assert [path.name for path in folder.iterdir()] == ["token"]
        assert stat.S_IMODE((folder / "token").stat().st_mode) == 0o600
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


# ── what the tools do ──


@pytest.mark.parametrize("mode", MODES)
async def test_every_tool_reaches_the_desk(house: House, mode: str) -> None:
    token = house.admit("kira")
    remark: dict[str, Any] = {"path": "a.py", "line": 3, "text": "Why?"}
    asked: list[tuple[str, dict[str, Any]]] = [
        ("assignment", {}),
        ("progress", {"message": "reading é"}),
        ("submit_review", {"verdict": "approve", "summary": "Fine."}),
        ("submit_review", {"verdict": "request_changes", "summary": "No.", "comments": [remark]}),
        ("finish", {"summary": "Done."}),
    ]
    async with house.client(token, mode=mode) as client:
        assert {tool.name for tool in (await client.list_tools()).tools} == TOOLS
        answers = [await client.call_tool(name, arguments) for name, arguments in asked]
    assert not any(answer.is_error for answer in answers)
    assert [said(answer) for answer in answers] == [
        "Nothing to do, kira.",
        "Noted.",
        "Posted.",
        "Posted.",
        "Good-bye.",
    ]
    assert house.desk.calls == [
        ("kira", "assignment"),
        ("kira", "progress", "reading é"),
        ("kira", "submit_review", "approve", "Fine.", []),
        ("kira", "submit_review", "request_changes", "No.", [LineComment(path="a.py", line=3, text="Why?")]),
        ("kira", "finish", "Done."),
    ]


async def test_every_tool_says_what_it_is_for(house: House) -> None:
    async with house.client(house.admit("kira")) as client:
        assert client.instructions
        for tool in (await client.list_tools()).tools:
            assert tool.description
            assert "context" not in tool.input_schema.get("properties", {})
            assert all(field.get("description") for field in tool.input_schema.get("properties", {}).values())


async def test_several_agents_at_once(house: House) -> None:
    tokens = {f"agent-{n}": house.admit(f"agent-{n}") for n in range(6)}

    async def work(agent: str, token: str, mode: str) -> list[str]:
        async with house.client(token, mode=mode) as client:
            return [said(await client.call_tool("assignment")) for _ in range(5)]

    modes = [MODES[n % 2] for n in range(len(tokens))]
    answers = await asyncio.gather(*(work(*pair, mode) for pair, mode in zip(tokens.items(), modes, strict=True)))
    assert answers == [[f"Nothing to do, {agent}."] * 5 for agent in tokens]
    assert sorted(house.desk.calls) == sorted((agent, "assignment") for agent in tokens for _ in range(5))
    assert sorted(house.met) == sorted(tokens)


@pytest.mark.parametrize("mode", MODES)
async def test_a_refusal_is_for_the_agent_to_read(house: House, mode: str) -> None:
    async with house.client(house.admit("kira"), mode=mode) as client:
        refused = await client.call_tool("submit_pull_request", {"title": "T", "body": "B"})
        late = await client.call_tool("answer_review", {"message": "M"})
        broken = await client.call_tool("ask_human", {"question": "Q"})
        assert said(await client.call_tool("progress", {"message": "still here"})) == "Noted."
    assert (refused.is_error, late.is_error, broken.is_error) == (True, True, True)
    assert "kira: your claim is no longer yours: stop this work" in said(refused)
    assert "hub: no answer in 5 s" in said(late)
    assert "secret" not in said(broken)


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("progress", {}),
        ("progress", {"message": 3}),
        ("progress", {"message": "x" * 501}),
        ("submit_pull_request", {"title": "x" * 201, "body": ""}),
        ("submit_review", {"verdict": "lgtm", "summary": "x"}),
        ("submit_review", {"verdict": "approve", "summary": "x", "comments": [{"path": "a", "line": 0, "text": "x"}]}),
        ("submit_review", {"verdict": "approve", "summary": "x", "comments": "none"}),
        ("ask_human", {"question": "x" * 4001}),
        ("finish", {"summary": None}),
    ],
)
async def test_wrong_arguments_never_reach_the_desk(house: House, tool: str, arguments: dict[str, Any]) -> None:
    async with house.client(house.admit("kira"), mode="legacy") as client:
        answer = await client.call_tool(tool, arguments)
    assert answer.is_error
    assert any(key in said(answer) for key in ("message", "title", "verdict", "comments", "question", "summary"))
    assert house.desk.calls == []


# ── programs of every age ──


@pytest.mark.parametrize("version", OLD)
async def test_a_program_that_shakes_hands(house: House, version: str) -> None:
    """With a session id if it is given one, and without: the capability says who is calling."""
    token = house.admit("kira")
    async with house.http(token) as http:
        hello = await http.post(house.gateway.url, json=initialize(version))
        assert hello.status_code == 200
        assert hello.json()["result"]["protocolVersion"] == version
        session = hello.headers.get("mcp-session-id")
        for headers in ({"mcp-session-id": session or "made-up"}, {}):
            headers |= {"mcp-protocol-version": version}
            ready = await http.post(house.gateway.url, json=rpc("notifications/initialized", id=None), headers=headers)
            assert ready.status_code == 202
            listed = await http.post(house.gateway.url, json=rpc("tools/list", id=2), headers=headers)
            assert {tool["name"] for tool in listed.json()["result"]["tools"]} == TOOLS
            called = await http.post(
                house.gateway.url,
                json=rpc("tools/call", id=3, name="progress", arguments={"message": "old"}),
                headers=headers,
            )
            assert called.json()["result"]["content"] == [{"type": "text", "text": "Noted."}]
            for method in ("GET", "DELETE"):  # the stream and the farewell of programs with a session
                answer = await http.request(method, house.gateway.url, headers=headers)
                assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert house.desk.calls == [("kira", "progress", "old")] * 2


async def test_what_is_no_json_rpc(house: House) -> None:
    async with house.http(house.admit("kira")) as http:
        for body in (b"", b"{", b"[]", b"null", b'"x"', b'{"jsonrpc": "2.0"}', b"\xff\xfe", b'{"id": 1, "method": 3}'):
            answer = await http.post(house.gateway.url, content=body, headers={"content-type": "application/json"})
            assert 400 <= answer.status_code < 500, body
        answer = await http.post(house.gateway.url, content=b"{}", headers={"content-type": "text/plain"})
        assert 400 <= answer.status_code < 500
    assert house.desk.calls == []


async def test_half_a_character(house: House) -> None:
    """JSON can name half of a surrogate pair, which no file and no ledger can hold."""
    async with house.http(house.admit("kira")) as http:
        body = json.dumps(rpc("tools/call", name="progress", arguments={"message": "\ud800"}))
        answer = await http.post(
            house.gateway.url,
            content=body.encode(),
            headers={"content-type": "application/json", "mcp-protocol-version": "2025-06-18"},
        )
    assert answer.status_code < 500
    for call in house.desk.calls:
        json.dumps(call, ensure_ascii=False).encode()


async def test_too_much(house: House) -> None:
    async with house.http(house.admit("kira")) as http:
        big = rpc("tools/call", name="finish", arguments={"summary": "x" * 5_000_000})
        assert (await http.post(house.gateway.url, json=big)).status_code == 413

        async def drip() -> AsyncIterator[bytes]:
            for _ in range(50):
                yield b"x" * 100_000

        headers = {"content-type": "application/json"}
        assert (await http.post(house.gateway.url, content=drip(), headers=headers)).status_code == 413
        assert (await http.post(house.gateway.url, json=initialize("2025-06-18"))).status_code == 200
    assert house.desk.calls == []


async def test_a_web_page_gets_nothing(house: House) -> None:
    """DNS rebinding: a page whose name was pointed at this machine sends its own name."""
    async with house.http(house.admit("kira")) as http:
        hello = initialize("2025-06-18")
        for host in ("evil.example", f"evil.example:{house.gateway.port}"):
            assert (await http.post(house.gateway.url, json=hello, headers={"host": host})).status_code == 421
        origin = {"origin": "http://evil.example"}
        assert (await http.post(house.gateway.url, json=hello, headers=origin)).status_code == 403
        for host in ("127.0.0.1", "localhost"):
            headers = {"host": f"{host}:{house.gateway.port}"}
            assert (await http.post(house.gateway.url, json=hello, headers=headers)).status_code == 200


# ── contact, and starting again ──


async def test_contact_is_told_once(house: House) -> None:
    token = house.admit("kira")
    for mode in MODES:
        async with house.client(token, mode=mode) as client:
            await client.call_tool("assignment")
    assert house.met == ["kira"]
    house.admit("kira")
    async with house.client(token) as client:
        await client.call_tool("assignment")
    assert house.met == ["kira", "kira"], "a new incarnation is a new contact"


async def test_contact_is_told_until_it_is_heard(tmp_path: Path) -> None:
    tries: list[str] = []

    async def contact(agent: str) -> None:
        tries.append(agent)
        if len(tries) < 3:
            raise DeadlineExceeded("no answer in 5 s", subject="supervisor")

    desk = Counter()
    gateway = Gateway(desk, on_contact=contact)
    try:
        await gateway.start()
        house = House(desk, tmp_path, gateway, tries)
        async with house.http(house.admit("kira")) as http:
            for _ in range(5):
                answer = await http.post(gateway.url, json=initialize("2025-06-18"))
                assert answer.status_code == 200, "an agent's program is not to suffer for it"
    finally:
        await gateway.stop()
    assert tries == ["kira"] * 3


async def test_a_new_gateway_at_the_same_place(tmp_path: Path) -> None:
    desk = Counter()
    async with AsyncExitStack() as first:
        house = await House.open(desk, tmp_path, first)
        token = house.admit("kira")
        url, port = house.gateway.url, house.gateway.port
        async with house.http(token) as http:
            assert (await http.post(url, json=initialize("2025-06-18"))).status_code == 200
    async with AsyncExitStack() as second:
        again = await House.open(desk, tmp_path, second, port=port)
        assert again.gateway.url == url
        async with again.http(token) as http:
            assert (await http.post(url, json=initialize("2025-06-18"))).status_code == 401
        assert again.admit("kira") == token
        async with again.client(token) as client:
            assert said(await client.call_tool("assignment")) == "Nothing to do, kira."
    with pytest.raises(httpx.ConnectError):
        async with again.http(token) as http:
            await http.get(url)


async def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        async with AsyncExitStack() as stack:
            house = await House.open(Counter(), tmp_path, stack, port=taken.getsockname()[1])
            assert house.gateway.port not in (0, taken.getsockname()[1])
            async with house.client(house.admit("kira")) as client:
                assert said(await client.call_tool("assignment")) == "Nothing to do, kira."


async def test_loopback_only(house: House) -> None:
    assert house.gateway.url == f"http://127.0.0.1:{house.gateway.port}/mcp"


async def test_stopping_what_never_started() -> None:
    await Gateway(Counter()).stop()
