"""Events survive a writer that is killed at any byte."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from steelyard.telemetry.events import EventReader, EventWriter, parse_event, read_events
from tests.telemetry.made_up import MadeUpRun


def test_a_writer_killed_inside_a_line_spoils_that_line_only(run: MadeUpRun) -> None:
    run.start()
    run.end()
    path = run.folder / "events" / "driver.jsonl"
    whole = path.read_bytes()
    lines = whole.splitlines(keepends=True)
    for cut in range(len(lines[0]), len(whole) + 1):
        path.write_bytes(whole[:cut])
        EventWriter(run.folder / "events", "demo-1", "driver").write("metric", step=1, name="x", value=2)
        kinds = [event["kind"] for event in read_events(run.folder)]
        assert kinds[0] == "run.start"
        assert kinds[-1] == "metric"
        assert len(kinds) == 3 if cut >= len(whole) - 1 else len(kinds) == 2


def test_a_reader_gives_each_event_once_and_waits_for_the_end_of_a_line(run: MadeUpRun) -> None:
    reader = EventReader(run.folder)
    assert reader.new() == []
    run.start()
    assert [event["kind"] for event in reader.new()] == ["run.start"]
    path = run.folder / "events" / "driver.jsonl"
    with path.open("ab") as file:
        file.write(b'{"t":1,"kind":"pha')
        file.flush()
        assert reader.new() == []
        file.write(b'se"}\n')
    assert [event["kind"] for event in reader.new()] == ["phase"]
    assert reader.torn_lines == 0


@given(st.binary(max_size=200))
def test_no_line_of_bytes_is_more_than_passed_over(line: bytes) -> None:
    event = parse_event(line)
    assert event is None or "kind" in event


def test_what_has_no_finite_time_is_no_event() -> None:
    assert parse_event(b'{"t":NaN,"kind":"step"}') is None
    assert parse_event(b'{"t":true,"kind":"step"}') is None
    assert parse_event(b'{"t":1.5,"kind":"step"}') == {"t": 1.5, "kind": "step"}


def test_a_time_that_the_writer_gives_has_the_last_word(tmp_path: Path) -> None:
    writer = EventWriter(tmp_path / "events", "demo-1", "driver", clock=lambda: 50.0)
    writer.write("run.start", t=42.0)
    writer.close()
    assert read_events(tmp_path)[0]["t"] == 42.0
