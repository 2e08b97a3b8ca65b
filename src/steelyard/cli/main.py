"""The frame of the command line: the table of commands, the flags that all share, and the one place where errors become messages.

`steelyard --help` imports typer and nothing else that is heavy: a command's module is imported when that command is called.
A command is a function that typer understands; it prints with `cli.output`, raises `SteelyardError` for what a person can act on,
and `typer.Exit(1)` when it has said itself what failed.
"""

from __future__ import annotations

import importlib
import inspect
import os
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

import typer
from typer._completion_classes import completion_init  # typer offers it only together with options that edit the user's shell files
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from steelyard import __version__
from steelyard.cli.output import next_command, say, switches, text, write
from steelyard.errors import StateError, SteelyardError
from steelyard.home import Home, home, private_folder


@dataclass(frozen=True, slots=True)
class Entry:
    """One command of the table: where its function is, and its line in `steelyard --help`."""

    section: str
    name: str
    function: str
    """`module:function` below `steelyard.cli`."""
    help: str


COMMANDS = (
    Entry("Start", "init", "language:init", "Copy a shipped blueprint here, to run it and to change it."),
    Entry("Start", "check", "check:check", "Say what this machine has, and what to do about what is missing."),
    Entry("Start", "explain", "language:explain", "Explain a kind or a field: explain Train.workers."),
    Entry("Start", "schema", "language:schema", "Print the JSON Schema that editors use."),
    Entry("Before", "validate", "language:validate", "Check blueprints: every problem with its place."),
    Entry("Before", "gpus", "gpus:gpus", "List GPUs and the instance types that have them, by price."),
    Entry("Before", "models", "models:models", "List the models that are known, or show one in numbers."),
    Entry("Before", "catalog", "catalog:catalog", "Say what the catalogue knows and from when, or update it from AWS."),
    Entry("Before", "plan", "plan:plan", "Weigh blueprints: memory, speed, price, and why not another."),
    Entry("Here", "run", "run:run", "Run a blueprint on this machine."),
    Entry("Look", "get", "runs:get", "List runs, or show one."),
    Entry("Look", "describe", "runs:describe", "Show everything that is known of a run."),
    Entry("Look", "logs", "runs:logs", "Print what a run's processes printed; -f follows."),
    Entry("Look", "events", "runs:events", "Print what happened to a run, in order."),
    Entry("Look", "delete", "runs:delete", "Delete runs that are over."),
    Entry("Look", "dashboard", "dashboard:dashboard", "Show runs live in the browser."),
    Entry("Money", "cost", "cost:cost", "Say what runs cost, by team, run or day."),
    Entry("About", "version", "about:version", "Print the version."),
    Entry("About", "completion", "about:completion", "Print the completion script of a shell."),
)

WRONG_WORDS = {
    "doctor": "check", "new": "init", "lint": "validate", "docs": "explain", "train": "run", "start": "run", "up": "run",
    "list": "get", "ls": "get", "ps": "get", "status": "get", "top": "dashboard", "show": "describe", "inspect": "describe", "tail": "logs",
    "rm": "delete", "remove": "delete", "ui": "dashboard", "web": "dashboard", "bill": "cost", "costs": "cost", "price": "cost",
}  # fmt: skip
"""What people type who come from other tools, and the command that does it here."""


class LazyCommand(TyperCommand):
    """Stands for a command in lists; becomes the real one, and imports its module, when it is called."""

    def __init__(self, entry: Entry) -> None:
        super().__init__(entry.name, help=entry.help, rich_markup_mode=None)
        self.entry = entry

    def real(self) -> TyperCommand:
        """The command itself."""
        module, _, name = self.entry.function.partition(":")
        function = getattr(importlib.import_module(f"steelyard.cli.{module}"), name)
        app = _plain_app()
        app.command(self.entry.name, help=_keep_examples(inspect.getdoc(function) or ""))(function)
        command = get_command(app)
        command.context_settings = CONTEXT
        command.params.extend(get_command(_common_flags()).params)
        assert isinstance(command, TyperCommand)  # noqa: S101  (one function makes one command)
        return command

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        return self.real().make_context(info_name, args, parent=parent, **extra)


class Commands(TyperGroup):
    """The group: its help in sections, its wrong words answered with the right one."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002  (the signature is the base's)
        width = max(len(entry.name) for entry in COMMANDS)
        for section in dict.fromkeys(entry.section for entry in COMMANDS):
            with formatter.section(section):
                formatter.write_dl([(entry.name.ljust(width), entry.help) for entry in COMMANDS if entry.section == section])

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        word = args[0]
        if word not in self.commands and not word.startswith("-"):
            nearest = WRONG_WORDS.get(word.lower()) or next(iter(get_close_matches(word.lower(), self.commands, n=1)), None)
            hint = f"; did you mean '{nearest}'?" if nearest else ""
            ctx.fail(f"'{text(word)}' is not a command{hint}")
        return super().resolve_command(ctx, args)


COMPLETE = "_STEELYARD_COMPLETE"
"""Set by the shell's completion script when it asks what could come next."""

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 110}


def _plain_app() -> typer.Typer:
    return typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False)


def _no_color(value: bool) -> None:
    switches.color &= not value


def _verbose(value: bool) -> None:
    switches.verbose |= value


def _print_version(value: bool) -> None:
    if value:
        write(f"steelyard {__version__}\n")
        raise typer.Exit


NoColor = Annotated[bool, typer.Option("--no-color", help="Without colour, as with NO_COLOR.", callback=_no_color, expose_value=False)]
Verbose = Annotated[bool, typer.Option("-v", "--verbose", help="Say more.", callback=_verbose, expose_value=False)]
Version = Annotated[bool, typer.Option("--version", help="Print the version.", callback=_print_version, expose_value=False, is_eager=True)]


def _common_flags() -> typer.Typer:
    """The flags that every command takes, as an app of one empty command: typer has no other public way to make them."""
    app = _plain_app()

    @app.command()
    def flags(no_color: NoColor = False, verbose: Verbose = False) -> None:
        pass

    return app


def _group_flags() -> typer.Typer:
    app = _plain_app()

    @app.command()
    def flags(no_color: NoColor = False, verbose: Verbose = False, version: Version = False) -> None:
        pass

    return app


def _keep_examples(help_text: str) -> str:
    """Mark the paragraphs with indented lines, so that help prints them as they are written."""
    paragraphs = help_text.split("\n\n")
    return "\n\n".join(f"\b\n{part}" if any(line.startswith("  ") for line in part.splitlines()) else part for part in paragraphs)


def command_line() -> TyperGroup:
    """The whole command line, with nothing imported yet."""
    return Commands(
        name="steelyard",
        commands={entry.name: LazyCommand(entry) for entry in COMMANDS},
        params=get_command(_group_flags()).params,
        context_settings=CONTEXT,
        rich_markup_mode=None,
        help=_keep_examples(HELP),
    )


HELP = """Weighs AI workloads before they run, runs them, watches them, prices them, and says what is wrong and why.

Examples:
  steelyard check
  steelyard run 01-ray-training --dashboard
  steelyard cost --by team,run
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """The console script. Exits 0 when all is well, 1 when something failed or is invalid, 2 on wrong use, 130 on Ctrl-C."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if COMPLETE in os.environ:
        completion_init()
    try:
        command_line().main(args=given or ["--help"], prog_name="steelyard", complete_var=COMPLETE)
    except SteelyardError as error:
        say(str(error))
        next_command(error.next_step)
        sys.exit(1)
    except Exception as error:  # noqa: BLE001  (the edge of the process: a person never sees a bare traceback)
        sys.exit(report_crash(error, home()))


def report_crash(error: BaseException, where: Home) -> int:
    """Say in two lines that Steelyard itself failed, and keep the traceback in a private file; returns the exit status."""
    trace = "".join(traceback.format_exception(error))
    say(f"steelyard failed: {type(error).__name__}: {error}")
    try:
        path = write_crash(trace, where)
    except (OSError, StateError):
        say(trace)
    else:
        say(trace if switches.verbose else f"traceback: {path}")
    next_command("steelyard check")
    return 1


def write_crash(trace: str, where: Home) -> Path:
    """Keep `trace` in a new file, readable by the user only, with the command that led to it."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    path = private_folder(private_folder(where.state) / "crashes") / f"{stamp}-{os.getpid()}.txt"
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(file, "w", encoding="utf-8", errors="replace") as crash:
        crash.write(f"steelyard {__version__}, Python {sys.version.split()[0]}, {sys.platform}\n{' '.join(sys.argv)}\n\n{trace}")
    return path
