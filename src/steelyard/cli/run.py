"""`run`: a blueprint on this machine, in the foreground."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Self

import typer

from steelyard.cli.output import Format, OutputOption, next_command, say, show_data, write
from steelyard.cli.progress import Progress, summary_lines
from steelyard.errors import MissingExtraError, NotFoundError
from steelyard.findings import Finding
from steelyard.home import Home, home
from steelyard.local.engine import Driver
from steelyard.telemetry.story import Story, Teller
from steelyard.units import format_money
from steelyard.verbs.running import notes, prepare, resume, start

LOOK_EVERY = 0.5
LINGER = 60.0
"""Seconds for which the dashboard stays open after the run, on a terminal, unless Ctrl-C closes it."""

Files = Annotated[list[str] | None, typer.Argument(help="Blueprints, folders, or the name of a shipped one.", show_default=False)]
Show = Annotated[bool, typer.Option("--dashboard", help="Show it live in the browser, at a printed address.")]
Address = Annotated[str | None, typer.Option("--address", help="An existing Ray cluster: HOST:PORT or auto.", show_default=False)]
Resume = Annotated[str | None, typer.Option("--resume", help="Go on with this run, from its last checkpoint.", show_default=False)]
Here = Annotated[bool, typer.Option("--here", help="Run a blueprint that is meant for a cluster on this machine.")]


def run(
    files: Files = None, dashboard: Show = False, address: Address = None, resume_run: Resume = None, here: Here = False,
    output: OutputOption = Format.table,
) -> None:
    """Run the trainings of a blueprint on this machine, in the foreground.

    The first Ctrl-C writes a checkpoint, stops and says how to go on; a second one ends everything at once.
    Exit status: 0 done, 1 failed or stopped by a limit, 130 stopped by Ctrl-C.

    Examples:
      steelyard run 01-ray-training --dashboard
      steelyard run my-training.yaml
      steelyard run --resume ray-training
    """
    require_train()
    where = home()
    if not files and resume_run is None:
        raise typer.BadParameter("name a blueprint, or a run to go on with: --resume NAME")
    if resume_run and (files or address or here):
        raise typer.BadParameter("--resume NAME goes on with a run as it was started: without files, --address and --here")
    with ctrl_c() as interrupt, Dashboard(dashboard) as shown:
        drivers = iter([resume(resume_run, where)]) if resume_run else fresh(files or [], where, address, here)
        for driver in drivers:
            shown.open(driver.run.name)
            status = follow(driver, where, interrupt, output)
            if status:
                raise typer.Exit(status)


def require_train() -> None:
    """Say at once what is missing, instead of after seconds of start-up."""
    if find_spec("ray") is None or find_spec("torch") is None:
        raise MissingExtraError("train", "training here")


def fresh(files: list[str], where: Home, address: str | None, here: bool) -> Iterator[Driver]:
    """Plan, say what should be known, and start."""
    prepared = prepare(files, where, address=address, here=here, tell=say)
    for finding in notes(prepared.plan):
        say(brief(finding))
    return start(prepared)


def brief(finding: Finding) -> str:
    """A finding in one line."""
    place = f"{finding.place}: " if finding.place else ""
    return f"  {finding.severity}    {place}{finding.message}"


@dataclass
class Interrupt:
    """Ctrl-C, counted."""

    count: int = 0
    drivers: list[Driver] = field(default_factory=list)

    def hit(self) -> None:
        self.count += 1
        for driver in self.drivers:
            if self.count == 1:
                driver.request_stop("Ctrl-C")
                say("\nstopping after a last checkpoint; Ctrl-C again ends at once")
            else:
                driver.kill()


@contextmanager
def ctrl_c() -> Iterator[Interrupt]:
    """While inside, Ctrl-C (and a polite kill) asks the run to stop instead of raising."""
    interrupt = Interrupt()

    def handle(*_: object) -> None:
        if not interrupt.drivers:
            raise KeyboardInterrupt
        interrupt.hit()

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield interrupt
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Dashboard:
    """The dashboard as a child of this command, opened with the first run; it ends with the command."""

    def __init__(self, wanted: bool) -> None:
        self._wanted = wanted
        self._server: subprocess.Popen[bytes] | None = None
        self._address = ""

    def open(self, run: str) -> None:
        """Start it at the page of `run`; its address is said when it answers, and nobody waits for it."""
        if self._wanted and self._server is None:
            command = [sys.executable, "-m", "steelyard.web", run]
            self._server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
            threading.Thread(target=self._say_address, args=(self._server,), daemon=True).start()

    def _say_address(self, server: subprocess.Popen[bytes]) -> None:
        self._address = server.stdout.readline().decode().strip() if server.stdout else ""
        say(f"  look    {self._address}" if self._address else "  look    the dashboard did not start: steelyard check")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._server is None:
            return
        if sys.stdin.isatty() and self._address:
            say(f"the dashboard stays for {LINGER:.0f} s; Ctrl-C closes it")
            with suppress(KeyboardInterrupt):
                time.sleep(LINGER)
        self._server.terminate()
        self._server.communicate()


def follow(driver: Driver, where: Home, interrupt: Interrupt, output: Format) -> int:
    """Show a run until it ends; returns the exit status."""
    interrupt.drivers.append(driver)
    teller = Teller(driver.run.path)
    say(f"{driver.run.workload}   Train   run {driver.run.name} on this machine")
    progress = Progress()
    while True:
        ended = driver.wait(LOOK_EVERY) is not None
        fresh = [event for event in teller.read() if event["t"] >= driver.started]
        if ended or progress.due(fresh, time.time()):
            began = time.perf_counter()
            story = teller.tell(time.time(), not ended)
            progress.show(story, fresh, time.time(), took=time.perf_counter() - began)
        if ended:
            break
    interrupt.drivers.remove(driver)
    if story.status == "Lost":
        driver.kill()  # whatever a killed driver left
    progress.end_moving()
    end(story, where, output)
    return exit_status(story, interrupt)


def end(story: Story, where: Home, output: Format) -> None:
    """The summary on stdout, the next commands on stderr."""
    if output in (Format.json, Format.yaml):
        show_data(summary_data(story, price(story, where)), output)
    elif output is Format.name:
        write(f"{story.run}\n")
    else:
        write("\n".join(summary_lines(story, cost_text(price(story, where)))) + "\n")
        write(answers_text(story, where))
    resumable = story.status in ("Stopped", "Lost", "Failed") and story.checkpoints
    resuming = f"steelyard run --resume {story.run}" if resumable else ""
    next_command(resuming, "steelyard dashboard", f"steelyard cost {story.run}", f"steelyard describe {story.run}")


def price(story: Story, where: Home) -> int | None:
    """Micro-dollars by the ledger; None is unknown."""
    from steelyard.verbs.cost import cost  # noqa: PLC0415 - duckdb is needed only now

    try:
        pages = cost([story.run], home=where, now=time.time()).pages
    except NotFoundError:  # it ended before it held anything
        return None
    return pages[0].sums.allocated_micro if pages else None


def cost_text(micro: int | None) -> str:
    return format_money(micro) if micro is not None else "-     (no price for this machine; see docs/cost.md)"


def summary_data(story: Story, micro: int | None) -> dict[str, object]:
    """The summary as plain values: seconds, micro-dollars, None for what is not known."""
    last = story.steps[-1] if story.steps else None
    return {
        "name": story.run, "status": story.status, "reason": story.reason,
        "step": last.step if last else 0, "loss": last.loss if last else None,
        "restarts": story.restarts, "wasted_steps": story.wasted_steps, "life_s": story.goodput.life_us / 1e6,
        "first_step_after_s": story.first_step_after, "goodput": story.goodput.ratio, "losses_us": story.goodput.losses_us,
        "cost_micro": micro, "evaluations": {event["name"]: event["value"] for event in story.evaluations},
    }


def answers_text(story: Story, where: Home) -> str:
    """A fine-tuning's answers, base and tuned, side by side."""
    spec = json.loads((where.runs / story.run / "run.json").read_text())
    file = Path(spec["output"]) / "answers.json"
    if not file.exists():
        return ""
    answers = json.loads(file.read_text())
    rows = [("question", answers["question"]), ("wanted", answers["wanted"]), ("base says", answers.get("base", "-")),
            ("tuned says", answers.get("tuned", "-"))]
    return "\n" + "".join(f"{name:<11} {' '.join(str(text).split())}\n" for name, text in rows if answers["question"])


def exit_status(story: Story, interrupt: Interrupt) -> int:
    if story.status == "Done":
        return 0
    return 130 if interrupt.count else 1
