"""The driver of one run: a process of its own that starts the workers, watches them, and keeps the account.

`python -m steelyard.local.driver RUN_FOLDER`, in a session of its own, started by `local.engine`. It holds the run's lock
for its whole life. Its standard input is a pipe from the command that started it: when that command is gone, the driver
asks the workers for a last checkpoint and ends. Ray's processes are its children and die with it.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

from steelyard.home import home
from steelyard.local.attempts import Ending, run_attempts
from steelyard.local.engine import COMMAND_STARTED
from steelyard.local.preflight import preflight
from steelyard.local.ray_cluster import prepare_environment, ray_cluster
from steelyard.local.store import RunFolder, hold
from steelyard.local.supervision import Supervisor
from steelyard.runtime.control import request_stop, stop_reason
from steelyard.runtime.spec import TrainSpec, read_spec
from steelyard.telemetry.events import EventWriter, read_events

LAST_CHECKPOINT_SECONDS = 120
"""How long the workers may take for their last checkpoint after the command is gone."""


def main(run_folder: Path) -> int:
    """Drive the run in `run_folder` to its end. 0 done or stopped, 1 failed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the command asks for a stop in its own way
    os.umask(0o077)  # whatever a run writes is the user's own
    spec = read_spec(run_folder)
    with hold(RunFolder(run_folder)):
        threading.Thread(target=follow_parent, args=(run_folder,), daemon=True).start()
        events = EventWriter(run_folder / "events", spec.run, "driver")
        resumed = any(event["kind"] == "run.start" for event in read_events(run_folder))
        events.write("run.start", workload=spec.workload, team=spec.team, pid=os.getpid(), resumed=resumed,
                     workers=spec.workers, price_micro_hour=spec.price_micro_hour)
        events.write("phase", name="command", start=float(os.environ.get(COMMAND_STARTED, time.time())))
        status = drive(spec, run_folder, events)
        events.close()
    return status


def drive(spec: TrainSpec, run_folder: Path, events: EventWriter) -> int:
    """Check, train, tell the end."""
    if not checked(spec, run_folder, events):
        events.write("run.end", status="failed", reason="preflight", step=0)
        return 1
    try:
        ending = supervised(spec, run_folder, events)
    except Exception as error:  # the edge of the driver: the run's record must say how it ended, whatever Ray raised
        events.write("run.end", status="failed", reason=f"{type(error).__name__}: {error}".splitlines()[0], step=0)
        raise
    reason = stop_reason(run_folder)
    if ending.error:
        events.write("run.end", status="failed", reason=ending.error, step=ending.step)
        return 1
    stopped = reason is not None and ending.step < goal_of(run_folder)
    events.write("run.end", status="stopped" if stopped else "done", reason=reason if stopped else "", step=ending.step)
    return 0


def checked(spec: TrainSpec, run_folder: Path, events: EventWriter) -> bool:
    """Do the preflight and tell it; False when something is not as it must be."""
    start = time.time()
    checks = preflight(spec, run_folder)
    for check in checks:
        events.write("check", name=check.name, detail=check.detail, ok=check.finding is None)
        if found := check.finding:
            events.write("finding", rule=found.rule, severity=found.severity, object=found.object, message=found.message,
                         evidence=found.evidence, next_step=found.next_step)
    events.write("phase", name="check", start=start)
    return all(check.finding is None for check in checks)


def supervised(spec: TrainSpec, run_folder: Path, events: EventWriter) -> Ending:
    """Start Ray and train in a thread, while this one watches and keeps the account."""
    start = time.time()
    prepare_environment(run_folder, spec)
    with Supervisor(spec, run_folder, events, home().ledger) as supervisor, ray_cluster(spec, run_folder) as storage:
        events.write("phase", name="cluster", start=start)
        return supervisor.watch(lambda: run_attempts(spec, run_folder, events, storage))


def goal_of(run_folder: Path) -> int:
    """The steps that the run was to do; 0 when no worker got so far as to say."""
    return max((event["steps"] for event in read_events(run_folder) if event["kind"] == "train.start"), default=0)


def follow_parent(run_folder: Path) -> None:
    """Wait until the command that started this run is gone; then ask for a last checkpoint, and do not wait for ever."""
    while os.read(0, 4096):
        continue
    request_stop(run_folder, "the command that started it is gone")
    time.sleep(LAST_CHECKPOINT_SECONDS)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
