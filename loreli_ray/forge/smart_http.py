"""git over HTTP: authentication here, the protocol itself in `git http-backend` (git-http-backend(1), RFC 3875).

Invariants: only the three requests of the smart protocol get through; the token ends here, git's environment holds
none; request bodies are spooled to a file and answers streamed, so a large push costs disk and not memory.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import tempfile
from asyncio.subprocess import Process
from typing import IO

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from loreli_ray.errors import GitError
from loreli_ray.forge.forge import Forge
from loreli_ray.forge.records import Repository, User
from loreli_ray.forge.repository import SETTINGS
from loreli_ray.forge.rest.call import token_of
from loreli_ray.forge.store import ACTING
from loreli_ray.git import environment

_log = logging.getLogger(__name__)
_CHUNK = 64 * 1024
_READ, _WRITE = "git-upload-pack", "git-receive-pack"


class SmartHttp:
    """An ASGI application beneath `/{owner}/{repo}.git/{path}`."""

    def __init__(self, forge: Forge) -> None:
        self._forge = forge

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        service = _service(request)
        answer = await run_in_threadpool(self._admit, request, service) if service else _plain(404, "Not Found")
        if isinstance(answer, Response):
            await answer(scope, receive, send)
            return
        repository, user = answer
        with tempfile.TemporaryFile() as body, tempfile.TemporaryFile() as errors:
            async for chunk in request.stream():
                body.write(chunk)
            size = body.tell()
            body.seek(0)
            env = environment(settings=SETTINGS) | _cgi(request, repository, user, size=size)
            env["GIT_PROJECT_ROOT"] = str(repository.path(self._forge.root).parent.parent)
            process = await asyncio.create_subprocess_exec(
                "git", "http-backend", stdin=body, stdout=asyncio.subprocess.PIPE, stderr=errors, env=env
            )
            try:
                pushes = service == _WRITE and request.method == "POST"
                await self._relay(process, send, repository, pusher=user if pushes else None)
            except BaseException:
                process.kill()
                raise
            finally:
                await process.wait()
                _report(process, errors, repository)

    def _admit(self, request: Request, service: str) -> Response | tuple[Repository, User | None]:
        """The repository and who asks, or the refusal: 401 invites git to send what it has."""
        header = request.headers.get("authorization", "")
        token = token_of(header)
        user = self._forge.authenticate(token) if token else None
        if header and not user:
            return _challenge()
        repository = self._forge.repository(f"{request.path_params['owner']}/{request.path_params['repo']}")
        role = self._forge.role(user, repository) if repository else "none"
        if repository and repository.archived and service != _READ and role != "none":
            return _plain(403, "This repository was archived so it is read-only.")
        if role in ("admin", "write") or (role == "read" and service == _READ):
            return (repository, user) if repository else _plain(404, "Repository not found.")
        if not user:
            return _challenge()  # of what is private, strangers don't learn whether it is there
        if role == "none":
            return _plain(404, "Repository not found.")
        return _plain(403, f"Permission to {request.path_params['owner']}/{request.path_params['repo']} denied.")

    async def _relay(self, process: Process, send: Send, repository: Repository, *, pusher: User | None) -> None:
        """Turns the CGI answer into an HTTP one. A push is followed by the forge before its client hears of it."""
        assert process.stdout is not None
        status, headers = 200, list[tuple[bytes, bytes]]()
        while line := (await process.stdout.readline()).strip():
            name, _, value = line.partition(b":")
            if name.lower() == b"status":
                status = int(value.split()[0])
            else:
                headers.append((name.lower(), value.strip()))
        if not headers:
            status, headers = 503, [(b"content-type", b"text/plain")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        while chunk := await process.stdout.read(_CHUNK):
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        if pusher:
            await run_in_threadpool(self._follow, repository, pusher)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _follow(self, repository: Repository, pusher: User) -> None:
        """The push itself is done: what can't be followed now is followed at the next read."""
        ACTING.set(pusher.id)  # this thread works in a context of its own
        try:
            self._forge.pushed(repository, actor=pusher)
        except (GitError, sqlite3.Error):
            _log.exception("a push to %s could not be followed", repository.full_name)


def _service(request: Request) -> str | None:
    """Which service is asked for; None for the dumb protocol, which would hand out files."""
    path, service = request.path_params["path"], request.query_params.get("service")
    if request.method == "GET" and path == "info/refs":
        return service if service in (_READ, _WRITE) else None
    return path if request.method == "POST" and path in (_READ, _WRITE) else None


def _cgi(request: Request, repository: Repository, user: User | None, *, size: int) -> dict[str, str]:
    headers = request.headers
    values = {
        "REQUEST_METHOD": request.method,
        "PATH_INFO": f"/{repository.full_name}.git/{request.path_params['path']}",
        "QUERY_STRING": request.scope["query_string"].decode("latin-1"),
        "CONTENT_TYPE": headers.get("content-type", ""),
        "CONTENT_LENGTH": str(size),
        "GIT_HTTP_EXPORT_ALL": "1",
        "REMOTE_USER": user.login if user else "",
        "REMOTE_ADDR": request.client.host if request.client else "",
    }
    passed = {"HTTP_CONTENT_ENCODING": "content-encoding", "GIT_PROTOCOL": "git-protocol"}
    return values | {name: headers[header] for name, header in passed.items() if header in headers}


def _challenge() -> Response:
    return _plain(401, "Authentication required.", {"WWW-Authenticate": 'Basic realm="forge"'})


def _plain(status: int, text: str, headers: dict[str, str] | None = None) -> Response:
    return PlainTextResponse(text + "\n", status_code=status, headers=headers)


def _report(process: Process, errors: IO[bytes], repository: Repository) -> None:
    if process.returncode:
        errors.seek(0)
        text = errors.read(4096).decode(errors="replace").strip()
        _log.warning("git http-backend for %s ended with %s: %s", repository.full_name, process.returncode, text)
