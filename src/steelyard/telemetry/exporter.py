"""The `/metrics` endpoint of a run: on loopback only, behind a token, with the Host header checked.

Loopback is not a fence: any page in a browser and any user of the machine can reach it. Hence the token, as
`Authorization: Bearer TOKEN` (what Prometheus sends) or `?token=TOKEN` (what a person opens).
"""

from __future__ import annotations

import hmac
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector, CollectorRegistry

from steelyard.telemetry.catalog import BY_NAME

Collect = Callable[[], Iterable[Family]]
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Server:
    """A running endpoint. `url` holds no token."""

    url: str
    close: Callable[[], None]


def serve(collect: Collect, port: int = 0, *, token: str) -> Server:
    """Serve `collect`'s families at `/metrics` on `port` of loopback (0: any free one) until closed. OSError if it is taken."""
    if not token:
        raise ValueError("an endpoint needs a token")
    server = ThreadingHTTPServer((LOOPBACK, port), _handler(collect, token))
    thread = threading.Thread(target=server.serve_forever, name="steelyard-metrics", daemon=True)
    thread.start()

    def close() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return Server(f"http://{LOOPBACK}:{server.server_address[1]}/metrics", close)


@dataclass(frozen=True, slots=True)
class Answer:
    status: HTTPStatus
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"


def answer(collect: Collect, token: str, port: int, path: str, headers: dict[str, str]) -> Answer:
    """What to say to a GET of `path`; `headers` by lower-case name."""
    place, _, query = path.partition("?")
    if headers.get("host") not in (f"{LOOPBACK}:{port}", f"localhost:{port}"):  # a page of another origin, by a name of its own
        return Answer(HTTPStatus.FORBIDDEN, b"wrong Host\n")
    given = headers.get("authorization", "").removeprefix("Bearer ") or parse_qs(query).get("token", [""])[0]
    if not hmac.compare_digest(given.encode(errors="backslashreplace"), token.encode()):
        return Answer(HTTPStatus.UNAUTHORIZED, b"token missing or wrong\n")
    if place != "/metrics":
        return Answer(HTTPStatus.NOT_FOUND, b"only /metrics is here\n")
    encode, content_type = choose_encoder(headers.get("accept", ""))
    return Answer(HTTPStatus.OK, encode(registry_of(collect)), content_type)


def registry_of(collect: Collect) -> CollectorRegistry:
    """A registry that holds what `collect` gives now and whether it could."""
    registry = CollectorRegistry()
    registry.register(_Once(with_success(collect)))
    return registry


def with_success(collect: Collect) -> tuple[Family, ...]:
    """The families and the success gauge; of a failed collection the gauge alone, so that it never looks like an idle run."""
    metric = BY_NAME["steelyard_exporter_success"]
    try:
        collected = tuple(collect())
    except Exception:  # noqa: BLE001 - the edge of a thread: whatever went wrong, the scrape must be told
        return (GaugeMetricFamily(metric.name, metric.help, value=0),)
    return (*collected, GaugeMetricFamily(metric.name, metric.help, value=1))


class _Once(Collector):
    """Families that were collected already."""

    def __init__(self, families: tuple[Family, ...]) -> None:
        self._families = families

    def collect(self) -> Iterator[Family]:
        return iter(self._families)


def _handler(collect: Collect, token: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        server_version, sys_version, timeout = "Steelyard", "", 10

        def do_GET(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            said = answer(collect, token, self.connection.getsockname()[1], self.path, headers)
            self.send_response(said.status)
            self.send_header("Content-Type", said.content_type)
            self.send_header("Content-Length", str(len(said.body)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(said.body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
            """Say nothing: a request line may hold the token."""

    return Handler
