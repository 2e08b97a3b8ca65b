"""How a driver asks the workers of a run to stop: a small file in the run's folder, looked at by rank 0 only."""

from __future__ import annotations

from pathlib import Path

STOP_FILE = "stop"


def request_stop(run_folder: Path, reason: str) -> None:
    """Ask for a last checkpoint and an end. The first reason stays."""
    try:
        with (run_folder / STOP_FILE).open("x") as file:
            file.write(reason)
    except FileExistsError:
        return


def stop_reason(run_folder: Path) -> str | None:
    """Why the run was asked to stop, or None."""
    try:
        return (run_folder / STOP_FILE).read_text()
    except FileNotFoundError:
        return None


def clear_stop(run_folder: Path) -> None:
    (run_folder / STOP_FILE).unlink(missing_ok=True)
