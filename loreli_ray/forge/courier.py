"""Delivers to webhooks, in the background, in order for each hook.

Invariants: one courier at a time for a data folder, whichever process holds the lock; a slow hook holds up nobody but
itself; a delivery that fails is tried `ATTEMPTS` times and then recorded and left; redirects are not followed. A crash
between a delivery and its record repeats it, with the same `X-GitHub-Delivery`.
https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import hmac
import json
import logging
import sqlite3
import threading
import uuid
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from urllib.parse import urlencode

import httpx

from loreli_ray.errors import ForgeError, GitError
from loreli_ray.forge.forge import Forge
from loreli_ray.forge.records import Hook, Note
from loreli_ray.forge.rest.hook_shapes import Message, message
from loreli_ray.forge.rest.shapes import Shapes

ATTEMPTS = 3
PAUSES = (1.0, 5.0)  # seconds before the second and the third attempt
TIMEOUT = 10.0  # seconds, as GitHub
LOOK_SECONDS = 0.25  # how often it looks for notes
REFS_EVERY = 4  # looks: pushes through the forge are noted at once, this is for merges and for who writes to the files
TRIM_EVERY = 20  # looks
ANSWER_KEPT = 1000
STOP_SECONDS = 5.0

_log = logging.getLogger(__name__)
_NAMES = uuid.UUID("6f9a5f0e-5c64-4a57-9df0-6f7465732121")


class Courier:
    """Works between `start` and `stop`; `url` tells where the forge is reached, for the links in payloads."""

    def __init__(self, forge: Forge, *, url: Callable[[], str]) -> None:
        self._forge = forge
        self._url = url
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = asyncio.Event()
        self._at_work: dict[int, asyncio.Task[None]] = {}
        self._looks = 0

    def start(self) -> None:
        self._stop = asyncio.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, args=(self._loop,), name="forge-courier", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """What is under way is given up, and delivered by whoever comes next."""
        if self._thread and self._loop and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(STOP_SECONDS)
        self._thread = self._loop = None

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(self._work())

    async def _work(self) -> None:
        while not self._stop.is_set():
            with self._lock() as ours:
                if ours:
                    await self._serve()
            await self._pause(LOOK_SECONDS)

    async def _serve(self) -> None:
        """Looks, and looks again, until told to stop."""
        timeout = httpx.Timeout(TIMEOUT)
        async with httpx.AsyncClient(timeout=timeout, trust_env=False, follow_redirects=False) as client:
            try:
                while not self._stop.is_set():
                    try:
                        self._look(client)
                    except (sqlite3.Error, GitError, ForgeError):
                        _log.exception("webhooks can't be served now")
                    await self._pause(LOOK_SECONDS)
            finally:
                tasks = list(self._at_work.values())
                self._at_work.clear()
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    def _look(self, client: httpx.AsyncClient) -> None:
        hooks = self._forge.hooks.active()
        if not hooks:
            return
        self._looks += 1
        if self._looks % REFS_EVERY == 0:
            self._follow_refs(hooks)
        if self._looks % TRIM_EVERY == 0 and (forgotten := self._forge.hooks.trim()):
            _log.warning("%d notes for webhooks were forgotten: their receivers are too slow", forgotten)
        for hook in hooks:
            task = self._at_work.get(hook.id)
            if task and task.done():
                task.result()  # a mistake of ours must not stay in the dark
            if (not task or task.done()) and self._forge.hooks.next(hook):
                self._at_work[hook.id] = asyncio.create_task(self._attend(client, hook))

    def _follow_refs(self, hooks: Sequence[Hook]) -> None:
        for repository_id in {hook.repository_id for hook in hooks if {"push", "*"} & set(json.loads(hook.events))}:
            repository = self._forge.repository_by_id(repository_id)
            if repository:
                self._forge.hooks.follow(repository, self._forge.git(repository), actor=None)

    async def _attend(self, client: httpx.AsyncClient, hook: Hook | None) -> None:
        """Tells one hook all there is."""
        while hook and (note := self._forge.hooks.next(hook)):
            try:
                await self._tell(client, hook, note)
            except GitError:  # a commit that is gone, for instance: the others are still to be told
                _log.exception("webhook %d can't be told of %s %s", hook.id, note.kind, note.action)
            hook = self._forge.hooks.told(hook, note)

    async def _tell(self, client: httpx.AsyncClient, hook: Hook, note: Note) -> None:
        again: int = json.loads(note.details).get("delivery", 0) if note.kind == "ping" else 0
        if again:
            known = self._forge.hooks.delivery(hook, again)
            await self._deliver(client, hook, Message(known.event, known.action, json.loads(known.payload)), known.guid)
            return
        said = self._message(hook, note)
        subscribed = {"ping", *json.loads(hook.events)}
        if said and (said.event in subscribed or "*" in subscribed):
            await self._deliver(client, hook, said, str(uuid.uuid5(_NAMES, f"{hook.id}:{note.id}")))

    def _message(self, hook: Hook, note: Note) -> Message | None:
        repository = self._forge.repository_by_id(hook.repository_id)
        url = self._url()
        return message(Shapes(self._forge, web=url, api=url), repository, note, hook) if repository else None

    async def _deliver(self, client: httpx.AsyncClient, hook: Hook, said: Message, guid: str) -> None:
        body = json.dumps(said.payload, ensure_ascii=False).encode()
        content, headers = _sealed(hook, said.event, guid, body)
        for attempt in range(ATTEMPTS):
            if attempt:
                await self._forge.clock.sleep(PAUSES[attempt - 1])
            begun = self._forge.clock.monotonic()
            code, status, answer = await _post(client, hook.url, content, headers)
            self._forge.hooks.record(
                hook,
                guid=guid,
                event=said.event,
                action=said.action,
                redelivery=attempt > 0,
                duration=round(self._forge.clock.monotonic() - begun, 3),
                status=status,
                status_code=code,
                url=hook.url,
                headers=json.dumps(headers),
                payload=body.decode(),
                answer=answer,
            )
            if code and code < 500 and code not in (408, 429):
                return
        _log.warning("webhook %d did not take a %s in %d attempts", hook.id, said.event, ATTEMPTS)

    @contextmanager
    def _lock(self) -> Generator[bool]:
        """Whether the deliveries of this data folder are ours; the kernel lets go of the lock when its holder dies."""
        with (self._forge.root.parent / "courier.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stop.wait(), seconds)
        except TimeoutError:
            return


async def _post(client: httpx.AsyncClient, url: str, content: bytes, headers: dict[str, str]) -> tuple[int, str, str]:
    """The answer's status, the status in words, and the begin of its text; status 0 where there is no answer."""
    try:
        async with (
            asyncio.timeout(TIMEOUT),
            client.stream("POST", url, content=content, headers=headers) as answer,
        ):
            begin = b""
            async for chunk in answer.aiter_bytes():
                begin += chunk
                if len(begin) >= ANSWER_KEPT:
                    break
            said = "OK" if answer.is_success else answer.reason_phrase or f"status {answer.status_code}"
            return answer.status_code, said, begin[:ANSWER_KEPT].decode(errors="replace")
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
        return 0, f"no answer: {type(error).__name__}", str(error)


def _sealed(hook: Hook, event: str, guid: str, payload: bytes) -> tuple[bytes, dict[str, str]]:
    """The body as the hook wants it, and its headers; with a secret the body is signed (HMAC, RFC 2104)."""
    form = hook.content_type == "form"
    body = urlencode({"payload": payload}).encode() if form else payload
    headers = {
        "Content-Type": "application/x-www-form-urlencoded" if form else "application/json",
        "User-Agent": "GitHub-Hookshot/forge",
        "X-GitHub-Delivery": guid,
        "X-GitHub-Event": event,
        "X-GitHub-Hook-ID": str(hook.id),
        "X-GitHub-Hook-Installation-Target-ID": str(hook.repository_id),
        "X-GitHub-Hook-Installation-Target-Type": "repository",
    }
    if hook.secret:
        for name, algorithm in (("X-Hub-Signature-256", hashlib.sha256), ("X-Hub-Signature", hashlib.sha1)):
            digest = hmac.new(hook.secret.encode(), body, algorithm).hexdigest()
            headers[name] = f"{algorithm().name}={digest}"
    return body, headers
