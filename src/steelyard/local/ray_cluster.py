"""Ray on this machine: private, quiet, on loopback only, gone when its driver is gone.

Every setting below has its reason; they were read in Ray 2.60's source and checked by tests/engine.
"""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from steelyard.runtime.spec import TrainSpec

PREFIX = "sy-"
RAY_FOLDER = "ray-folder"
"""A file in the run's folder that names the one of its Ray."""
OBJECT_STORE_BYTES = 200_000_000
"""Training passes no data through Ray's object store; its default of 30% of memory would be taken from the workers."""

EXIT_SECONDS = 3.0
"""How long Ray's processes may take to exit; they usually take one second."""

SETTINGS = {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # else raylet, GCS and workers listen on all interfaces
    "RAY_USAGE_STATS_ENABLED": "0",  # nobody is told
    "RAY_TRAIN_METRICS_ENABLED": "0",  # ours are in the events
    # Ray's own processes take the cores from the training; these say how often they look at things that nobody waits for.
    "LOG_NAME_UPDATE_INTERVAL_S": "10",  # the log monitor's search for new files, whose lines nobody wants
    "RAY_LOG_MONITOR_MANY_FILES_THRESHOLD": "0",  # without it, below 1000 files, the interval does not hold
    "REPORTER_UPDATE_INTERVAL_MS": "60000",  # the agent's figures for Ray's own dashboard, which is off; the default is 5000
    "RAY_enable_metrics_collection": "0",
    "RAY_metrics_report_interval_ms": "60000",
    "RAY_task_events_report_interval_ms": "0",  # 0 is never
    "RAY_event_stats": "0",  # statistics of every timer, of which each process has one that rings a hundred times a second
    "RAY_event_stats_print_interval_ms": "0",
    "RAY_debug_dump_period_milliseconds": "0",
    "RAY_io_context_event_loop_lag_collection_interval_ms": "0",
    "RAY_raylet_report_resources_period_milliseconds": "1000",  # nothing else is scheduled here; the default of these two is 100
    "RAY_raylet_check_gc_period_milliseconds": "1000",
    "RAY_kill_idle_workers_interval_ms": "10000",
    "RAY_report_worker_backlog_interval_ms": "10000",
    "RAY_free_objects_period_milliseconds": "10000",
    "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0",  # no spot node here
    "RAY_TRAIN_ENABLE_STATE_ACTOR_RECONCILIATION": "0",
    "RAY_TRAIN_ENABLE_PRINT_PATCH": "0",  # a rank's output goes to its own log
    "RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S": "300",  # 60 s is too short on a busy machine
    "RAY_memory_monitor_refresh_ms": "0",  # the kernel and our own preflight judge memory; Ray would kill at 95% of the host
    "RAY_worker_niceness": "0",  # its default of 15 lets every other process go before the training
    "GLOO_SOCKET_IFNAME": "lo",  # workers talk to each other on loopback
    "NCCL_SOCKET_IFNAME": "lo",
}


def prepare_environment(run_folder: Path, spec: TrainSpec) -> None:
    """Set what Ray reads while it is imported. Called before the first `import ray`."""
    if spec.address is None:
        os.environ.update(SETTINGS)
        os.environ["RAY_AUTH_TOKEN_PATH"] = str(private_token(run_folder))
    else:
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"


def private_token(run_folder: Path) -> Path:
    """A token for this Ray alone, readable by the user only (Ray's own default file is readable by all)."""
    path = run_folder / "ray-token"
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secrets.token_hex(32))
    return path


@contextmanager
def ray_cluster(spec: TrainSpec, run_folder: Path) -> Iterator[Path]:
    """A running Ray: a private one, or the one at `spec.address`. Yields a short folder for its files, removed afterwards."""
    import ray  # noqa: PLC0415 - the extra `train`, after `prepare_environment`

    folder = Path(tempfile.mkdtemp(prefix=PREFIX))  # short: the path of a socket may have 107 characters at most
    (run_folder / RAY_FOLDER).write_text(str(folder))
    try:
        if spec.address is None:
            ray.init(
                address="local", num_cpus=spec.workers * spec.cpus_per_worker, include_dashboard=False, log_to_driver=False,
                logging_level="ERROR", object_store_memory=OBJECT_STORE_BYTES, _temp_dir=str(folder),
            )
        else:
            ray.init(address=spec.address, log_to_driver=False, logging_level="ERROR")
        yield folder
    finally:
        started = psutil.Process().children(recursive=True)
        ray.shutdown()
        end(started)
        remove_ray_folder(run_folder)


def end(processes: Sequence[psutil.Process]) -> None:
    """See to it that they end: now and then an actor of Ray 2.60 waits for ever for a lock of its own while it exits."""
    _gone, waiting = psutil.wait_procs(processes, timeout=EXIT_SECONDS)
    for process in waiting:
        with suppress(psutil.NoSuchProcess):
            process.kill()


def remove_ray_folder(run_folder: Path) -> None:
    """Remove what Ray kept outside the run's folder, also after its driver was killed."""
    note = run_folder / RAY_FOLDER
    if note.is_file():
        folder = Path(note.read_text())
        if folder.name.startswith(PREFIX) and folder.parent == Path(tempfile.gettempdir()):
            shutil.rmtree(folder, ignore_errors=True)
        note.unlink(missing_ok=True)
