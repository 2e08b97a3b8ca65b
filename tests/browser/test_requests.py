"""The gate with real requests, and the process from its start to its end."""

import base64
import http.client
import os
import re
import signal
import socket
import time
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest

from steelyard.home import Home
from tests.browser.pages import PATIENCE, start

pytestmark = pytest.mark.browser


def ask(address: str, path: str = "/", **headers: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", urlsplit(address).port or 0, timeout=PATIENCE)
    connection.request("GET", path, headers=headers)
    response = connection.getresponse()
    response.read()
    connection.close()
    return response


def cookie_of(address: str) -> str:
    split = urlsplit(address)
    return (ask(address, f"{split.path}?{split.query}").getheader("set-cookie") or "").partition(";")[0]


def open_socket(address: str, **headers: str) -> int:
    """The status that a WebSocket's handshake gets."""
    port = urlsplit(address).port
    sent = {"Host": f"127.0.0.1:{port}", "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode()} | headers
    with socket.create_connection(("127.0.0.1", port or 0), timeout=PATIENCE) as connection:
        lines = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
        connection.sendall(f"GET /_nicegui_ws/socket.io/?EIO=4&transport=websocket HTTP/1.1\r\n{lines}\r\n".encode())
        return int(connection.recv(4096).split(b" ")[1])


def test_the_token_becomes_a_cookie_that_opens_the_clean_address(address: str) -> None:
    split = urlsplit(address)
    welcome = ask(address, f"/?{split.query}")
    assert (welcome.status, welcome.getheader("location")) == (303, "/")
    cookie = welcome.getheader("set-cookie") or ""
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    page = ask(address, "/", Cookie=cookie.partition(";")[0])
    assert page.status == 200
    assert "default-src 'self'" in (page.getheader("content-security-policy") or "")


def test_pages_files_and_sockets_are_shut_without_it(address: str) -> None:
    for path in ("/", "/run/ray-training-1", "/favicon.ico", "/_nicegui_ws/socket.io/?EIO=4&transport=polling", "/nothing"):
        assert ask(address, path).status == 401, path
    assert ask(address, "/?token=wrong").status == 401
    assert open_socket(address) == 403


def test_another_host_or_origin_is_refused_even_with_it(address: str) -> None:
    cookie = cookie_of(address)
    port = urlsplit(address).port
    assert ask(address, Cookie=cookie, Host=f"evil.example:{port}").status == 403
    assert ask(address, Cookie=cookie, Origin="http://evil.example").status == 403
    assert open_socket(address, Cookie=cookie, Origin="http://evil.example") == 403
    assert open_socket(address, Cookie=cookie, Host=f"evil.example:{port}") == 403
    assert open_socket(address, Cookie=cookie, Origin=f"http://127.0.0.1:{port}") == 101
    assert ask(address, Cookie=cookie, Host=f"localhost:{port}", Origin=f"http://localhost:{port}").status == 200


def test_each_dashboard_has_a_token_of_its_own_and_listens_on_loopback_only(tmp_path: Path, address: str) -> None:
    process, other = start(Home(tmp_path / "state", tmp_path / "cache"))
    try:
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/\?token=[\w-]{32}", other)
        assert urlsplit(other).query != urlsplit(address).query
        assert ask(other, "/", Cookie=cookie_of(address)).status == 401
        listening = [line.split()[1:4] for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        port = f"{urlsplit(other).port:04X}"
        assert [local for local, _, state in listening if state == "0A" and local.endswith(f":{port}")] == [f"0100007F:{port}"]
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("how", ["stdin", "SIGTERM", "SIGINT"])
def test_it_ends_quickly_and_without_a_word_and_leaves_nothing_in_the_working_folder(tmp_path: Path, how: str) -> None:
    process, address = start(Home(tmp_path / "state", tmp_path / "cache"))
    assert ask(address, "/", Cookie=cookie_of(address)).status == 200
    began = time.monotonic()
    if how == "stdin":
        assert process.stdin is not None
        process.stdin.close()
        process.stdin = None
    else:
        process.send_signal(signal.Signals[how])
    out, errors = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out, errors) == (0, b"", b"")
    assert time.monotonic() - began < 30
    assert sorted(path.name for path in tmp_path.iterdir()) == ["state"]


def test_the_command_prints_the_address_on_stdout_and_ends_on_ctrl_c(tmp_path: Path) -> None:
    process, address = start(Home(tmp_path / "state", tmp_path / "cache"), "dashboard", "--no-open", module="steelyard")
    assert ask(address, "/", Cookie=cookie_of(address)).status == 200
    process.send_signal(signal.SIGINT)
    out, talk = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (0, b"")
    assert b"Traceback" not in talk
    assert b"Ctrl-C ends it" in talk


def test_the_command_serves_the_metrics_of_all_runs_to_who_has_the_token(home: Home) -> None:
    process, address = start(home, "dashboard", "--no-open", module="steelyard")
    assert process.stderr is not None
    said = process.stderr.readline().decode()
    url, token = re.search(r"(http://\S+/metrics)", said), re.search(r"Bearer (\S+)`", said)
    assert url, said
    assert token, said
    assert ask(url[1], "/metrics").status == 401
    with urlopen(Request(url[1], headers={"Authorization": f"Bearer {token[1]}"}), timeout=PATIENCE) as response:
        text = response.read().decode()
    assert 'steelyard_train_loss{run="ray-training-1"}' in text
    assert "steelyard_exporter_success 1.0" in text
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=PATIENCE)
    assert urlsplit(url[1]).port != urlsplit(address).port


def test_a_port_that_is_taken_is_said_in_words(tmp_path: Path, address: str) -> None:
    taken = str(urlsplit(address).port)
    with pytest.raises(AssertionError, match=r"port \d+ cannot be used: Address already in use"):
        start(Home(tmp_path / "state", tmp_path / "cache"), "dashboard", "--no-open", "--port", taken, module="steelyard")


def test_a_run_that_is_not_there_is_said_in_words(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"no run named 'nothing' here\nsteelyard run 01-ray-training") as caught:
        start(Home(tmp_path / "state", tmp_path / "cache"), "nothing")
    assert "Traceback" not in str(caught.value)
