"""The dashboard beside a real training: both pages change by themselves, and the pictures are kept in artifacts/."""

from __future__ import annotations

import signal

import pytest

from tests.browser.pages import assert_live, open_dashboard, watch
from tests.engine.conftest import PATIENCE, Machine, steps_done

pytestmark = [pytest.mark.engine, pytest.mark.browser]


def test_both_pages_show_a_real_training_while_it_runs(machine: Machine) -> None:
    command = machine.start("run", machine.blueprint(steps=100_000))
    machine.wait_for("tiny", lambda events: steps_done(events) >= 10)
    with open_dashboard(machine.home) as address:
        seen = watch(address, "tiny-1")
    assert_live(seen)
    assert seen.run_before["Loss"] != "-"
    assert seen.run_after["Cost so far"].startswith("$")
    assert all(picture.stat().st_size > 10_000 for picture in seen.pictures)
    command.send_signal(signal.SIGINT)
    command.communicate(timeout=PATIENCE)
    assert command.returncode == 130
