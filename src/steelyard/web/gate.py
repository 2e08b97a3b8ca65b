"""Who may see the dashboard: loopback is not a fence, since every program and every web page on this machine can reach it.

A request enters when its Host is this server, its Origin (if it has one) too, and it carries the token: in the address
once, which is answered with a cookie and the clean address, and in that cookie from then on. WebSockets are held to the same.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = tuple[tuple[bytes, bytes], ...]

UNAUTHORISED = "This is a Steelyard dashboard. Open the address that `steelyard dashboard` printed: it carries the token.\n"
FOREIGN = "This address is not this dashboard's.\n"


@dataclass(frozen=True, slots=True)
class Refusal:
    """The request goes no further."""

    status: int
    text: str


@dataclass(frozen=True, slots=True)
class Welcome:
    """The token was in the address: the cookie is set and the browser sent to the address without it."""

    location: str
    cookie: str


@dataclass(frozen=True, slots=True)
class Lock:
    """What a request must fit: the port that the server listens on, and the token."""

    port: int
    token: str

    @property
    def cookie_name(self) -> str:
        """Cookies are shared by all ports of a host, so the port is in the name: two dashboards do not lock each other out."""
        return f"steelyard-{self.port}"

    def judge(self, scope: Scope) -> Refusal | Welcome | None:
        """What to do with an HTTP or WebSocket request; None lets it in. Pure."""
        if self._is_foreign(scope):
            return Refusal(403, FOREIGN)
        query = parse_qsl(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)
        if any(self._is_token(value) for key, value in query if key == "token") and scope["type"] == "http":
            return self._welcome(scope, [(key, value) for key, value in query if key != "token"])
        if any(self._is_token(value) for value in self._cookies(scope)):
            return None
        return Refusal(401, UNAUTHORISED)

    def _is_foreign(self, scope: Scope) -> bool:
        hosts = [f"127.0.0.1:{self.port}", f"localhost:{self.port}"]
        origins = [f"http://{host}" for host in hosts]
        asked = values(scope, b"host")
        return len(asked) != 1 or asked[0].lower() not in hosts or any(origin not in origins for origin in values(scope, b"origin"))

    def _is_token(self, value: str) -> bool:
        return hmac.compare_digest(value.encode(), self.token.encode())

    def _cookies(self, scope: Scope) -> Iterable[str]:
        for header in values(scope, b"cookie"):
            for part in header.split(";"):
                name, _, value = part.strip().partition("=")
                if name == self.cookie_name:
                    yield value

    def _welcome(self, scope: Scope, query: list[tuple[str, str]]) -> Welcome:
        # One leading slash: `//elsewhere` would be another host to a browser.
        path = "/" + quote(scope["path"]).lstrip("/")
        cookie = f"{self.cookie_name}={self.token}; HttpOnly; SameSite=Strict; Path=/"
        return Welcome(path + (f"?{urlencode(query)}" if query else ""), cookie)

    @property
    def headers(self) -> Headers:
        """What each page tells the browser to hold to: nothing from elsewhere, in no one's frame, no address told to others."""
        sockets = f"ws://127.0.0.1:{self.port} ws://localhost:{self.port}"
        policy = ("default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
                  f"img-src 'self' data:; font-src 'self' data:; connect-src 'self' {sockets}; "
                  "object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
        return ((b"content-security-policy", policy.encode()), (b"x-content-type-options", b"nosniff"),
                (b"referrer-policy", b"same-origin"), (b"cross-origin-resource-policy", b"same-origin"))


def values(scope: Scope, name: bytes) -> list[str]:
    """All values of a header."""
    return [value.decode("latin-1") for key, value in scope["headers"] if key == name]


class Gate:
    """ASGI middleware: the outermost layer of the server."""

    def __init__(self, app: App, lock: Lock) -> None:
        self.app = app
        self._lock = lock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        match self._lock.judge(scope):
            case None:
                await self.app(scope, receive, self._with_headers(send))
            case Welcome(location, cookie):
                headers = ((b"location", location.encode()), (b"set-cookie", cookie.encode()), (b"cache-control", b"no-store"))
                await answer(scope, send, 303, headers + self._lock.headers)
            case Refusal(status, text):
                await answer(scope, send, status, ((b"content-type", b"text/plain; charset=utf-8"),), text.encode())

    def _with_headers(self, send: Send) -> Send:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *self._lock.headers]
            await send(message)
        return sending


async def answer(scope: Scope, send: Send, status: int, headers: Headers, body: bytes = b"") -> None:
    """A whole answer. A WebSocket is closed before it opens, which its client sees as status 403."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    await send({"type": "http.response.start", "status": status, "headers": [*headers, (b"content-length", str(len(body)).encode())]})
    await send({"type": "http.response.body", "body": body})
