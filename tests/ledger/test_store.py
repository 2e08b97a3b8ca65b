from __future__ import annotations

import glob
import json
import os
import resource
import stat
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steelyard.errors import StateError
from steelyard.ledger import compaction
from steelyard.ledger.records import COLUMNS, holding_fields, line
from steelyard.ledger.store import LedgerWriter, compact, compact_if_due, read_ledger, read_usages
from steelyard.ledger.usage import Usage
from tests.ledger.examples import HOUR, holding


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "it's [my] ledger?"  # none of these may mean anything to the database


def parts(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.parquet"))


def of_parts(folder: Path, select: str) -> Any:
    """The result of `select` over all parts, as a person would ask DuckDB."""
    return duckdb.execute(f"{select} from read_parquet($1) order by all", [[glob.escape(str(path)) for path in parts(folder)]])


def write_one(folder: Path, **fields: Any) -> str:
    """One usage by a writer that is gone; its id."""
    writer = LedgerWriter(folder)
    usage = writer.start(holding(**fields), 10, attempt=1)
    writer.end(usage, HOUR, "done", 0.5, 0)
    writer.close()
    return usage


def test_a_usage_is_read_as_it_was_written(folder: Path) -> None:
    writer = LedgerWriter(folder)
    held = holding(team=None, devices=(("H100", 0.25),), node_devices=(("H100", 8.0),), price_micro_hour=None, run='r"\n\u2028é')
    usage = writer.start(held, 10, attempt=2)
    writer.beat(usage, 20, 0.5)
    writer.end(usage, 30, "worker lost", None, 7)
    writer.close()
    assert read_usages(folder) == (Usage(usage, held, 10, 30, open=False, reason="worker lost", used_ratio=0.5, attempt=2, wasted_us=7),)


def test_an_open_usage_lasts_until_its_last_sign_of_life(folder: Path) -> None:
    writer = LedgerWriter(folder)
    usage = writer.start(holding(), 10, attempt=1)
    writer.beat(usage, 25, None)
    (alive,) = read_usages(folder)
    writer.close()
    (lost,) = read_usages(folder)
    assert (alive.open, alive.reason, alive.end_us) == (True, "", 25)
    assert (lost.open, lost.reason, lost.end_us) == (False, "lost", 25)


def test_what_a_dead_writer_left_open_is_lost_also_once_it_is_compacted(folder: Path) -> None:
    writer = LedgerWriter(folder)
    writer.start(holding(), 10, attempt=1)
    writer.close()
    compact(folder)
    assert [(usage.open, usage.reason) for usage in read_usages(folder)] == [(False, "lost")]


def test_an_empty_or_missing_folder_is_an_empty_ledger(folder: Path) -> None:
    assert read_usages(folder) == ()
    compact(folder)
    folder.mkdir()
    compact_if_due(folder)
    assert read_usages(folder) == ()


def test_files_are_private(folder: Path) -> None:
    write_one(folder)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    compact(folder)
    modes |= {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert len(modes) == 3
    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_usages_come_by_start_and_id(folder: Path) -> None:
    writer = LedgerWriter(folder)
    for start in (30, 10, 20, 10):
        writer.start(holding(), start, attempt=1)
    keys = [(usage.start_us, usage.id) for usage in read_usages(folder)]
    assert keys == sorted(keys)
    assert len(keys) == 4


@given(cut=st.integers(0, 2000), garbage=st.binary(max_size=40))
@settings(max_examples=8, deadline=None)
def test_a_file_that_ends_at_any_byte_spoils_its_last_line_only(tmp_path_factory: pytest.TempPathFactory, cut: int, garbage: bytes) -> None:
    folder = tmp_path_factory.mktemp("ledger")
    writer = LedgerWriter(folder)
    for _ in range(4):
        writer.start(holding(), 10, attempt=1)
    writer.close()
    whole = writer.path.read_bytes()
    writer.path.write_bytes(whole[:cut] + garbage)
    complete = len(whole[:cut].splitlines()) if cut >= len(whole) else whole[:cut].count(b"\n")
    before = read_ledger(folder)
    compact(folder)
    assert len(before.usages) >= complete
    assert read_ledger(folder) == before


def test_a_torn_line_is_counted_before_and_after_compaction(folder: Path) -> None:
    usage = write_one(folder)
    torn = next(folder.glob("*.jsonl"))
    torn.write_bytes(torn.read_bytes() + b'{"v":1,"id":"4')
    counts = []
    for _ in range(2):
        report = read_ledger(folder)
        counts.append((report.torn_lines, report.orphans, [one.id for one in report.usages]))
        compact(folder)
    assert counts == [(1, 0, [usage])] * 2


def test_a_new_writer_never_appends_to_the_file_of_another(folder: Path) -> None:
    first, second = LedgerWriter(folder), LedgerWriter(folder)
    first.start(holding(run="a-1"), 1, attempt=1)
    second.start(holding(run="b-1"), 2, attempt=1)
    assert first.path != second.path
    assert [path.read_bytes().count(b"\n") for path in (first.path, second.path)] == [1, 1]


def test_a_usage_whose_start_was_lost_is_an_orphan_and_not_a_usage(folder: Path) -> None:
    writer = LedgerWriter(folder)
    writer.end("f" * 32, 10, "done", None, 0)
    report = read_ledger(folder)
    assert (report.usages, report.orphans, report.torn_lines) == ((), 1, 0)


def test_records_of_a_newer_version_are_read_and_kept_whole(folder: Path) -> None:
    folder.mkdir()
    record = {"v": 2, "id": "1", "kind": "start", "usage": "u", "t_us": 5, "attempt": 1, "carbon": 7} | holding_fields(holding())
    stranger = {"v": 2, "id": "2", "kind": "pause", "usage": "u", "t_us": 6}
    (folder / "newer.jsonl").write_text(f"{json.dumps(record)}\n{json.dumps(stranger)}\n")
    before = read_ledger(folder)
    compact(folder)
    kept = of_parts(folder, "select id, text").fetchall()
    assert [usage.id for usage in before.usages] == ["u"]
    assert before.torn_lines == 0
    assert read_ledger(folder) == before
    assert [json.loads(text) for _, text in kept] == [record, stranger]


def test_a_line_that_is_json_and_no_record_is_counted(folder: Path) -> None:
    folder.mkdir()
    start = line("start", "1", "u", 5, holding_fields(holding()) | {"node": None})
    (folder / "odd.jsonl").write_bytes(b'[1]\n"x"\nnull\n{}\n\x00\x00\n' + start)
    assert read_ledger(folder).torn_lines == 6


def test_compaction_leaves_files_that_are_being_written(folder: Path) -> None:
    write_one(folder)
    writer = LedgerWriter(folder)
    usage = writer.start(holding(), 20, attempt=1)
    compact(folder)
    writer.end(usage, 30, "done", None, 0)
    assert [path for path in folder.iterdir() if path.suffix == ".jsonl"] == [writer.path]
    assert sorted((one.start_us, one.reason) for one in read_usages(folder)) == [(10, "done"), (20, "done")]


def test_a_compaction_killed_before_it_removed_the_files_doubles_nothing(folder: Path) -> None:
    usage = write_one(folder)
    left = next(folder.glob("*.jsonl"))
    content = left.read_bytes() + b"{torn"
    left.write_bytes(content)
    compact(folder)
    left.write_bytes(content)
    report = read_ledger(folder)
    compact(folder)
    count = of_parts(folder, "select count(*)").fetchone()
    assert [one.id for one in report.usages] == [usage]
    assert report.torn_lines == 1
    assert (len(parts(folder)), count, left.exists()) == (1, (3,), False)


def test_what_a_killed_compaction_had_not_finished_is_removed(folder: Path) -> None:
    write_one(folder)
    (folder / "part-x.tmp").write_bytes(b"PAR1 half")
    before = read_ledger(folder)
    compact(folder)
    assert read_ledger(folder) == before
    assert not list(folder.glob("*.tmp"))


def test_a_part_holds_the_documented_columns(folder: Path) -> None:
    write_one(folder)
    compact(folder)
    assert tuple(column[0] for column in of_parts(folder, "select *").description) == COLUMNS


@pytest.mark.parametrize(("files", "due"), [(3, False), (4, True)])
def test_compaction_is_due_by_the_number_of_closed_files(
    folder: Path, monkeypatch: pytest.MonkeyPatch, files: int, due: bool,
) -> None:  # fmt: skip
    monkeypatch.setattr(compaction, "DUE_FILES", 3)
    for _ in range(files):
        write_one(folder)
    alive = LedgerWriter(folder)
    compact_if_due(folder)
    assert bool(parts(folder)) is due
    assert alive.path.exists()


def test_compaction_is_due_by_size(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compaction, "DUE_BYTES", 10)
    write_one(folder)
    compact_if_due(folder)
    assert len(parts(folder)) == 1


def test_a_record_cut_by_a_full_disk_is_an_error_and_spoils_no_later_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = LedgerWriter(folder)
    write = os.write
    monkeypatch.setattr(os, "write", lambda file, block: write(file, block[:10]))
    with pytest.raises(StateError, match="disk is full"):
        writer.start(holding(), 1, attempt=1)
    monkeypatch.undo()
    usage = writer.start(holding(), 2, attempt=1)
    report = read_ledger(folder)
    assert ([one.id for one in report.usages], report.torn_lines) == ([usage], 1)


def test_a_ledger_that_cannot_be_written_or_read_is_a_state_error(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("in the way")
    with pytest.raises(StateError, match="cannot be used"):
        LedgerWriter(file)
    with pytest.raises(StateError, match="cannot be read"):
        read_usages(file)


def test_a_part_that_is_no_parquet_is_a_state_error_and_not_an_empty_ledger(folder: Path) -> None:
    folder.mkdir()
    (folder / "part-x.parquet").write_bytes(b"not Parquet")
    with pytest.raises(StateError, match="cannot be read"):
        read_usages(folder)


def test_a_ratio_that_is_not_a_number_is_unknown(folder: Path) -> None:
    writer = LedgerWriter(folder)
    usage = writer.start(holding(), 1, attempt=1)
    writer.beat(usage, 2, float("nan"))
    assert read_usages(folder)[0].used_ratio is None


def test_three_hundred_thousand_records_are_read_in_bounded_memory(folder: Path) -> None:
    folder.mkdir()
    start = line("start", "0", "u", 0, holding_fields(holding()))
    beats = b"".join(b'{"v":1,"id":"%d","kind":"beat","usage":"u","t_us":%d,"used_ratio":0.5}\n' % (n, n) for n in range(1, 300_000))
    (folder / "long.jsonl").write_bytes(start + beats)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    (usage,) = read_usages(folder)
    assert (usage.end_us, usage.used_ratio) == (299_999, 0.5)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000  # KiB
