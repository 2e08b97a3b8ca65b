"""Who may enter. The same with real requests: tests/browser/test_requests.py."""

import asyncio
from typing import Any

import pytest

from steelyard.web.gate import Gate, Lock, Message, Receive, Refusal, Scope, Send, Welcome

LOCK = Lock(8123, "right-token")
HOST = (b"host", b"127.0.0.1:8123")
COOKIE = (b"cookie", b"other=1; steelyard-8123=right-token")


def scope(*headers: tuple[bytes, bytes], query: str = "", path: str = "/", kind: str = "http", **rest: Any) -> Scope:
    return {"type": kind, "path": path, "query_string": query.encode(), "headers": list(headers), **rest}


@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_the_cookie_opens_for_pages_and_sockets(kind: str) -> None:
    assert LOCK.judge(scope(HOST, COOKIE, kind=kind)) is None
    assert LOCK.judge(scope((b"host", b"LOCALHOST:8123"), COOKIE, (b"origin", b"http://localhost:8123"), kind=kind)) is None


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize("headers", [
    (HOST,), (HOST, (b"cookie", b"steelyard-8123=wrong")), (HOST, (b"cookie", b"steelyard-9999=right-token")),
    (HOST, (b"cookie", b"=;;=;")), (HOST, (b"cookie", "steelyard-8123=\xe9".encode("latin-1"))),
])
def test_without_the_token_nobody_enters(kind: str, headers: tuple[tuple[bytes, bytes], ...]) -> None:
    answer = LOCK.judge(scope(*headers, kind=kind))
    assert isinstance(answer, Refusal)
    assert answer.status == 401


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize("headers", [
    (), ((b"host", b"evil.example:8123"),), ((b"host", b"127.0.0.1"),), ((b"host", b"127.0.0.1:9999"),), (HOST, (b"host", b"evil.example")),
    (HOST, (b"origin", b"http://evil.example")), (HOST, (b"origin", b"null")), (HOST, (b"origin", b"https://127.0.0.1:8123")),
    (HOST, (b"origin", b"http://127.0.0.1:9999")),
])
def test_a_foreign_host_or_origin_is_refused_even_with_the_cookie(kind: str, headers: tuple[tuple[bytes, bytes], ...]) -> None:
    answer = LOCK.judge(scope(COOKIE, *headers, kind=kind))
    assert isinstance(answer, Refusal)
    assert answer.status == 403


def test_the_token_in_the_address_becomes_a_cookie_and_leaves_the_address() -> None:
    answer = LOCK.judge(scope(HOST, query="a=1&token=right-token&b=%20x", path="/run/ray training-1"))
    assert isinstance(answer, Welcome)
    assert answer.location == "/run/ray%20training-1?a=1&b=+x"
    assert answer.cookie == "steelyard-8123=right-token; HttpOnly; SameSite=Strict; Path=/"


@pytest.mark.parametrize("path", ["//evil.example", "/\\evil.example", "/\r\nset-cookie: a=b"])
def test_the_way_on_never_leads_elsewhere(path: str) -> None:
    answer = LOCK.judge(scope(HOST, query="token=right-token", path=path))
    assert isinstance(answer, Welcome)
    assert answer.location.startswith("/")
    assert not answer.location.startswith(("//", "/\\"))
    assert "\r" not in answer.location


def test_a_socket_does_not_take_the_token_from_its_address() -> None:
    assert isinstance(LOCK.judge(scope(HOST, query="token=right-token", kind="websocket")), Refusal)


def test_a_wrong_token_in_the_address_does_not_shut_out_who_is_in() -> None:
    assert LOCK.judge(scope(HOST, COOKIE, query="token=of-an-earlier-dashboard")) is None


async def inner(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"x-inner", b"1")]})
    await send({"type": "http.response.body", "body": b"inside"})


def ask(asked: Scope) -> list[Message]:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request"}

    asyncio.run(Gate(inner, LOCK)(asked, receive, send))
    return sent


def test_who_is_let_in_gets_the_answer_with_what_the_browser_must_hold_to() -> None:
    start, body = ask(scope(HOST, COOKIE))
    headers = dict(start["headers"])
    assert body["body"] == b"inside"
    assert headers[b"x-inner"] == b"1"
    policy = headers[b"content-security-policy"].decode()
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "http:" not in policy
    assert headers[b"referrer-policy"] == b"same-origin"


def test_who_is_refused_never_reaches_what_is_inside() -> None:
    start, body = ask(scope(HOST))
    assert start["status"] == 401
    assert b"inside" not in body["body"]
    assert b"steelyard dashboard" in body["body"]


def test_who_brings_the_token_is_sent_on() -> None:
    start, _body = ask(scope(HOST, query="token=right-token"))
    assert (start["status"], dict(start["headers"])[b"location"]) == (303, b"/")


def test_a_socket_that_is_refused_is_closed_before_it_opens() -> None:
    assert ask(scope(HOST, kind="websocket")) == [{"type": "websocket.close", "code": 1008}]


def test_the_life_of_the_server_itself_passes() -> None:
    assert ask(scope(kind="lifespan"))[-1]["body"] == b"inside"
