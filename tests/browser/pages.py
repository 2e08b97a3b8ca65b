"""Drives the dashboard as a person does: starts it, opens both pages in a real Chromium, and writes down what is seen.

    with open_dashboard(home) as address:
        seen = watch(address, "ray-training-1")
    assert_live(seen)

Works for any run, real or written by a test; `watch` waits until the run's step has changed on both pages.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page, expect, sync_playwright

from steelyard.home import Home

ROOT = Path(__file__).parents[2]
ARTIFACTS = ROOT / "artifacts"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
PATIENCE = 60.0
"""Seconds that anything may take on a machine that is busy training."""

MARKER = "window.stillTheSamePage"
"""Set once; gone after a reload."""


@dataclass(frozen=True)
class Observations:
    """What was seen of one run. Cells of the Runs page by header, figures of the Run page by label, each first and then changed."""

    runs_before: dict[str, str]
    runs_after: dict[str, str]
    run_before: dict[str, str]
    run_after: dict[str, str]
    panels: dict[str, str]
    """What each panel says in words at the end, by its key."""
    drawn: dict[str, int]
    """Shapes in the picture of each panel that has one."""
    reloads: int
    requests: tuple[str, ...]
    """Every address that was asked for, over HTTP and over WebSockets."""
    failed: tuple[str, ...]
    console: tuple[str, ...]
    """Errors and warnings of the browser's console."""
    pictures: tuple[Path, ...]

    @property
    def foreign(self) -> tuple[str, ...]:
        """Requests that left this machine."""
        return tuple(url for url in self.requests if urlsplit(url).hostname != "127.0.0.1" and not url.startswith(("data:", "blob:")))


def assert_live(seen: Observations) -> None:
    """Both pages changed by themselves, showed every panel, and asked nobody but this machine."""
    assert seen.runs_before["STEP"] != seen.runs_after["STEP"]
    assert seen.run_before["Step"] != seen.run_after["Step"]
    assert seen.reloads == 0
    assert list(seen.panels) == ["findings", "loss", "split", "goodput", "speed", "memory", "timeline", "startup", "log"]
    assert all(seen.panels.values())
    assert {panel: shapes > 0 for panel, shapes in seen.drawn.items()} == dict.fromkeys(("loss", "split", "speed", "memory"), True)
    assert_quiet(seen)


def assert_quiet(seen: Observations) -> None:
    """No request left this machine or failed, and the browser had nothing to say."""
    assert seen.requests
    assert seen.foreign == ()
    assert seen.failed == ()
    assert seen.console == ()


@functools.cache
def chromium() -> str:
    """The path of a Chromium; one is installed when there is none."""
    found = subprocess.run([str(ROOT / "scripts" / "chromium")], stdout=subprocess.PIPE, text=True, check=True)
    return found.stdout.strip()


def environment(home: Home) -> dict[str, str]:
    """For a child process with that state folder; NiceGUI would behave differently under pytest."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "NICEGUI"))}
    return kept | {"STEELYARD_HOME": str(home.state.parent)}


def start(home: Home, *arguments: str, module: str = "steelyard.web") -> tuple[subprocess.Popen[bytes], str]:
    """Start the dashboard; the process and its address, read from its first line."""
    process = subprocess.Popen([sys.executable, "-m", module, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, env=environment(home), cwd=home.state.parent)
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], 120)
    address = process.stdout.readline().decode().strip() if ready else ""
    if not address:
        process.kill()
        raise AssertionError(f"the dashboard did not start: {process.communicate()[1].decode()}")
    return process, address


@contextlib.contextmanager
def open_dashboard(home: Home, *arguments: str) -> Iterator[str]:
    """The dashboard of `home` (`<folder>/state`, as STEELYARD_HOME makes it), as a process of its own; its address with the token."""
    process, address = start(home, *arguments)
    try:
        yield address
    finally:
        assert process.stdin is not None
        process.stdin.close()
        errors = process.stderr.read().decode() if process.stderr else ""
        status = process.wait(PATIENCE)
        for stream in (process.stdout, process.stderr):
            if stream:
                stream.close()
    assert (status, errors) == (0, ""), f"the dashboard ended with {status} and said: {errors}"


@contextlib.contextmanager
def browser() -> Iterator[Browser]:
    """A real Chromium without a window."""
    expect.set_options(timeout=PATIENCE * 1000)
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        try:
            yield opened
        finally:
            opened.close()


def watch(address: str, run: str, *, patience: float = PATIENCE, live: bool = True, artifacts: Path = ARTIFACTS) -> Observations:
    """Look at both pages until the run's step changed (at most `patience` seconds each; with `live` false at once), and keep pictures."""
    artifacts.mkdir(exist_ok=True)
    with browser() as opened:
        page = opened.new_page(viewport={"width": 1440, "height": 900}, color_scheme="light")
        page.set_default_timeout(patience * 1000)
        requests, failed, console = _listen(page)
        page.goto(address)
        runs_before = cells(page, run)
        runs_after = _until_changed(page, lambda: cells(page, run), "STEP", patience) if live else runs_before
        pictures = [_picture(page, artifacts / f"runs-{run}.png")]
        page.goto(f"{address.partition('/?')[0]}/run/{run}")
        run_before = figures(page)
        run_after = _until_changed(page, lambda: figures(page), "Step", patience) if live else run_before
        panels, drawn = words(page), shapes(page)
        pictures.append(_picture(page, artifacts / f"run-{run}.png"))
        reloads = int(live and not page.evaluate(f"{MARKER} === true"))
        page.emulate_media(color_scheme="dark")
        pictures.append(_picture(page, artifacts / f"run-{run}-dark.png"))
    return Observations(runs_before, runs_after, run_before, run_after, panels, drawn, reloads, tuple(requests), tuple(failed),
                        tuple(console), tuple(pictures))


def _listen(page: Page) -> tuple[list[str], list[str], list[str]]:
    requests: list[str] = []
    failed: list[str] = []
    console: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.on("websocket", lambda socket: requests.append(socket.url))
    page.on("requestfailed", lambda request: failed.append(f"{request.url} {request.failure}"))
    page.on("response", lambda response: failed.append(f"{response.url} {response.status}") if response.status >= 400 else None)
    page.on("console", lambda message: console.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: console.append(str(error)))
    return requests, failed, console


def _until_changed(page: Page, read: object, key: str, patience: float) -> dict[str, str]:
    assert callable(read)
    page.evaluate(f"{MARKER} = true")
    before = read()
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        page.wait_for_timeout(250)
        after: dict[str, str] = read()
        if after[key] != before[key] and re.search(r"\d", after[key]):
            return after
    raise AssertionError(f"{key} stayed {before[key]} for {patience} s")


def cells(page: Page, run: str) -> dict[str, str]:
    """The run's line on the Runs page, by header."""
    line = page.locator(f'tr[data-run="{run}"]')
    expect(line.locator('[data-cell="AGE"]')).to_contain_text(re.compile(r"\d"))
    found: dict[str, str] = line.evaluate(
        "row => Object.fromEntries([...row.querySelectorAll('[data-cell]')].map(c => [c.dataset.cell, c.innerText]))")
    return found


def figures(page: Page) -> dict[str, str]:
    """The figures of the Run page, by label."""
    expect(page.locator(".figure .value").first).to_be_visible()
    found: dict[str, str] = page.locator(".figures").evaluate(
        "all => Object.fromEntries([...all.children].map(f => [f.querySelector('.label').innerText, f.querySelector('.value').innerText]))")
    return found


def words(page: Page) -> dict[str, str]:
    """What each panel of the Run page says in words, by its key."""
    found: dict[str, str] = page.locator(".grid").evaluate(
        "grid => Object.fromEntries([...grid.children].map(c => [c.dataset.panel, c.querySelector('.said').innerText]))")
    return found


def shapes(page: Page) -> dict[str, int]:
    """How many shapes the picture of each panel has."""
    page.wait_for_function(
        "() => [...document.querySelectorAll('.chart')].filter(c => c.offsetParent).every(c => c.querySelector('svg path'))")
    found: dict[str, int] = page.locator(".grid").evaluate(
        "grid => Object.fromEntries([...grid.children].filter(c => c.querySelector('.chart'))"
        ".map(c => [c.dataset.panel, c.querySelectorAll('.chart svg path').length]))")
    return found


def _picture(page: Page, path: Path) -> Path:
    page.screenshot(path=path, full_page=True)
    return path
