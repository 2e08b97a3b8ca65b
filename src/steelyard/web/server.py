"""Serves the dashboard on 127.0.0.1 until it is told to end. `steelyard dashboard` and `python -m steelyard.web` call `serve`."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from steelyard.errors import MissingExtraError, StateError
from steelyard.home import Home, private_folder
from steelyard.local.store import RunStore
from steelyard.telemetry import exporter
from steelyard.telemetry.instruments import families
from steelyard.web.gate import Gate, Lock
from steelyard.web.stories import Stories

if TYPE_CHECKING:
    import uvicorn

FAVICON = ("<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'><g fill='none' stroke='#2f6fd0' stroke-width='2.6' "
           "stroke-linecap='round'><path d='M3 12 29 8M11 4v6.8M6 11.6v5M24 8.8v3.4'/><path d='M2.5 17h7l-1.4 5h-4.2z' "
           "fill='#2f6fd0'/><circle cx='24' cy='14.6' r='2.2'/></g></svg>")


@dataclass(frozen=True, slots=True)
class Addresses:
    """What a started dashboard answers at. `pages` carries the token; for `metrics` it goes into an Authorization header."""

    pages: str
    metrics: str
    token: str


def serve(home: Home, port: int = 0, run: str | None = None, *, ready: Callable[[Addresses], None]) -> None:
    """Serve pages and `/metrics` until SIGINT or SIGTERM. `port` 0 is a free one; `ready` is called once they answer.

    With `run` the address opens that run's page. Raises NotFoundError (no such run), StateError (port taken),
    MissingExtraError (the extra `web` is not installed).
    """
    path = f"/run/{quote(RunStore(home).find(run).name)}" if run else "/"
    with listening(port) as listener:
        lock, stories = Lock(listener.getsockname()[1], secrets.token_urlsafe(24)), Stories(home)
        metrics = exporter.serve(lambda: families(stories.stories()), token=lock.token)
        addresses = Addresses(f"http://127.0.0.1:{lock.port}{path}?token={lock.token}", metrics.url, lock.token)
        try:
            server = make_server(home, lock, stories, lambda: ready(addresses))
            with quiet_signals():
                server.run(sockets=[listener])
        finally:
            metrics.close()


@contextlib.contextmanager
def listening(port: int) -> Iterator[socket.socket]:
    """A socket on 127.0.0.1, bound."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError as error:
            raise StateError(f"port {port} cannot be used: {error.strerror}", next_step="leave --port out to take a free one") from error
        yield listener


def make_server(home: Home, lock: Lock, stories: Stories, ready: Callable[[], None]) -> uvicorn.Server:
    """The server with its pages behind its gate. NiceGUI reads its folder when it is imported, so it is imported here."""
    os.environ["NICEGUI_STORAGE_PATH"] = str(private_folder(home.state) / "dashboard")
    try:
        import uvicorn  # noqa: PLC0415
        from fastapi import FastAPI  # noqa: PLC0415
        from nicegui import ui  # noqa: PLC0415

        from steelyard.web import pages  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("steelyard"):
            raise
        raise MissingExtraError("web", "the dashboard") from error
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    pages.register(stories)
    ui.run_with(app, title="Steelyard", favicon=FAVICON, tailwind=False, show_welcome_message=False, reconnect_timeout=10,
                binding_refresh_interval=None)

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if self.started:
                ready()

    return Server(uvicorn.Config(Gate(app, lock), log_level="warning", access_log=False, proxy_headers=False, server_header=False,
                                 timeout_graceful_shutdown=1))


@contextlib.contextmanager
def quiet_signals() -> Iterator[None]:
    """The server ends itself on SIGINT and SIGTERM and then raises them again: here they do nothing more."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
