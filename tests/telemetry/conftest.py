"""Fixtures for telemetry."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.telemetry.made_up import MadeUpRun


@pytest.fixture
def run(tmp_path: Path) -> MadeUpRun:
    return MadeUpRun(tmp_path)
