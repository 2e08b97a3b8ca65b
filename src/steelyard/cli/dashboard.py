"""`dashboard`."""

from __future__ import annotations

import os
import sys
import threading
import webbrowser
from collections.abc import Mapping
from typing import Annotated

import typer

from steelyard.cli.output import say, write
from steelyard.home import home


def dashboard(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="A run, or a workload: its latest run; without it, all.")] = None,
    port: Annotated[int, typer.Option(min=0, max=65_535, help="The port on 127.0.0.1; 0 is a free one.")] = 0,
    no_open: Annotated[bool, typer.Option("--no-open", help="Only print the address.")] = False,
) -> None:
    """Show runs live in the browser, those that are over too. Serves on 127.0.0.1 only, until Ctrl-C; the address carries a token.

    Examples:
      steelyard dashboard
      steelyard dashboard ray-training
    """
    from steelyard.web.server import Addresses, serve  # noqa: PLC0415  (only here: the other commands start without it)

    def ready(addresses: Addresses) -> None:
        write(f"{addresses.pages}\n")
        say(f"metrics   {addresses.metrics}   for Prometheus, with the header `Authorization: Bearer {addresses.token}`")
        say("Ctrl-C ends it; runs go on without it")
        if not no_open and has_screen(os.environ, sys.platform) and sys.stdout.isatty():
            threading.Thread(target=webbrowser.open, args=(addresses.pages,), daemon=True).start()

    serve(home(), port, name, ready=ready)


def has_screen(environment: Mapping[str, str], platform: str) -> bool:
    """Whether a browser would have somewhere to appear; without this a text browser would take over the terminal."""
    return platform == "darwin" or bool(environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY"))
