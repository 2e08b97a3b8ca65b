"""Asking a run to stop."""

from pathlib import Path

from steelyard.runtime.control import clear_stop, request_stop, stop_reason


def test_a_run_goes_on_until_it_is_asked_to_stop_and_the_first_reason_stays(tmp_path: Path) -> None:
    assert stop_reason(tmp_path) is None
    request_stop(tmp_path, "Ctrl-C")
    request_stop(tmp_path, "max_duration of 5 s reached")
    assert stop_reason(tmp_path) == "Ctrl-C"


def test_a_resumed_run_forgets_the_old_reason(tmp_path: Path) -> None:
    clear_stop(tmp_path)
    request_stop(tmp_path, "Ctrl-C")
    clear_stop(tmp_path)
    assert stop_reason(tmp_path) is None
