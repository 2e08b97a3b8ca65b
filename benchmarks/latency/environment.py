"""The environment of aiconfigurator-core, made once from `requirements.txt` (with hashes), under `artifacts/latency`."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.provenance import ROOT

HERE = Path(__file__).parent
REQUIREMENTS = HERE / "requirements.txt"
CACHE = ROOT / "artifacts" / "latency"
UV = Path(sys.executable).parent / "uv"


@dataclass(frozen=True, slots=True)
class Answers:
    """What aiconfigurator said, row by row in the order of the file, by the way it was asked: [TTFT, TPOT] in ms, or why not."""

    rows_file: Path
    configurations: Path
    rows: list[dict[str, Any]]


def environment() -> Path:
    """Its Python. A changed `requirements.txt` makes a new one."""
    folder = CACHE / f"venv-{hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:10]}"
    python, done = folder / "bin" / "python", folder / ".complete"
    if not done.exists():
        print("  making the environment of aiconfigurator-core", flush=True)
        subprocess.run([UV, "venv", "--quiet", "--clear", "--python", sys.executable, folder], check=True, cwd="/")
        subprocess.run([UV, "pip", "sync", "--quiet", "--python", python, "--require-hashes", REQUIREMENTS], check=True, cwd="/")
        done.touch()
    return python


def ask() -> Answers:
    """All answers, by running `peer.py` there."""
    command, one_thread = [environment(), HERE / "peer.py"], os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=one_thread)
    if done.returncode:
        raise RuntimeError(f"aiconfigurator-core could not be asked ({done.returncode}):\n{done.stderr[-2000:]}")
    told = json.loads(done.stdout)
    file = Path(told["file"])
    return Answers(file, file.parents[1] / "model_configs", told["answers"])
