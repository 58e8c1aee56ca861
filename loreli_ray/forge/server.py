"""Runs the forge on a port of this machine, in a thread of its own."""

from __future__ import annotations

import ipaddress
import socket
import threading
from collections.abc import Callable, Collection
from types import TracebackType
from typing import Self

import uvicorn
from starlette.types import ASGIApp

from loreli_ray.errors import ForgeError
from loreli_ray.forge.app import RATE_LIMIT, create_app
from loreli_ray.forge.courier import Courier
from loreli_ray.forge.forge import Forge
from loreli_ray.forge.rest.throttle import SecondaryLimits

START_SECONDS = 10.0
STOP_SECONDS = 10.0


class ForgeServer:
    """Serves a forge between `start` and `stop`, or as a context manager. Port 0 takes a free one.

    Raises `ForgeError` for an address beyond this machine, unless `allow_remote` says it is meant: tokens and
    contents travel unencrypted.
    """

    def __init__(
        self,
        forge: Forge,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        allow_remote: bool = False,
        rate_limit: int = RATE_LIMIT,
        secondary: SecondaryLimits | None = None,
        hook_hosts: Collection[str] = (),
        around: Callable[[ASGIApp], ASGIApp] = lambda app: app,
    ) -> None:
        """`rate_limit` and `secondary` as in `create_app`; webhooks lead to this machine and to `hook_hosts`.

        `around` may put something between the network and the forge: a log, or a trouble to be tested with."""
        if not allow_remote and not _loopback(host):
            raise ForgeError("is not an address of this machine alone", subject=host)
        self._host = host
        self._port = port
        self._app = around(create_app(forge, rate_limit=rate_limit, secondary=secondary, hook_hosts=hook_hosts))
        self._courier = Courier(forge, url=lambda: self.url)
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """`http://host:port`; the port is known once the server has started."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}"

    def start(self) -> None:
        """Returns when requests are answered. Raises `ForgeError` if the port is taken."""
        if self._thread:
            raise ForgeError("is running already", subject=self.url)
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        try:
            listener = socket.create_server((self._host, self._port), family=family, backlog=1024)
        except OSError as error:
            raise ForgeError(f"can't be listened on: {error.strerror}", subject=self.url) from error
        # asyncio does this only for sockets that name their protocol; without it every answer waits 40 ms for an ACK.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._port = listener.getsockname()[1]
        config = uvicorn.Config(
            self._app,
            http="h11",
            ws="none",
            loop="asyncio",
            lifespan="off",
            log_config=None,
            access_log=False,
            date_header=False,
            server_header=False,
            timeout_graceful_shutdown=5,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, args=(self._server, listener), name="forge", daemon=True)
        self._thread.start()
        waiting = threading.Event()
        for _ in range(int(START_SECONDS / 0.01)):
            if self._server.started:
                self._courier.start()
                return
            if not self._thread.is_alive():
                break
            waiting.wait(0.01)
        self.stop()
        raise ForgeError("did not start", subject=self.url)

    def stop(self) -> None:
        """Ends the server; requests under way get a few seconds. Nothing happens if it does not run."""
        server, thread = self._server, self._thread
        if not server or not thread:
            return
        self._courier.stop()
        server.should_exit = True
        thread.join(STOP_SECONDS)
        if thread.is_alive():
            server.force_exit = True
            thread.join(STOP_SECONDS)
        self._server = self._thread = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @staticmethod
    def _run(server: uvicorn.Server, listener: socket.socket) -> None:
        with listener:
            server.run(sockets=[listener])


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
