import json
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from steelyard.cli import runs
from steelyard.cli.describe import describe_text
from steelyard.cli.main import main
from steelyard.cli.output import Format
from steelyard.telemetry.records import Attempt
from steelyard.verbs.runs import Description, LogReader, phase_times, step_parts, summarise
from tests.verbs.stories import FINDING, NOW, step_row, story, write_run


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEELYARD_HOME", str(tmp_path))


def status(*arguments: str) -> int | str | None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    return ended.value.code


def described(**changes: object) -> str:
    told = story(**changes)
    return describe_text(Description(summarise(told, NOW), told, phase_times(told), step_parts(told), Path("runs/x"), ()), color=False)


def test_get_prints_a_table_on_stdout_and_the_next_command_on_stderr(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_run(tmp_path, "a-1")
    assert status("get") == 0
    out, err = capsys.readouterr()
    header, row = out.splitlines()
    assert header.split() == ["NAME", "KIND", "WHERE", "STATUS", "REASON", "STEP", "LOSS", "GOODPUT", "AGE"]
    assert row.split()[:8] == ["a-1", "Train", "here", "Done", "5", "steps", "5/5", "1.00"]
    assert err == "next: steelyard describe a-1\n"


def test_get_without_runs_says_how_to_start(capsys: pytest.CaptureFixture[str]) -> None:
    assert status("get") == 0
    assert "next: steelyard run 01-ray-training" in capsys.readouterr().err


def test_get_of_an_unknown_run_fails(capsys: pytest.CaptureFixture[str]) -> None:
    assert status("get", "nope") == 1
    assert capsys.readouterr().err.startswith("no run named 'nope' here\n")


def test_get_as_json_holds_numbers_and_moments(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_run(tmp_path, "a-1")
    assert status("get", "-o", "json") == 0
    (record,) = json.loads(capsys.readouterr().out)
    assert (record["step"], record["loss"], record["team"], record["ended"]) == (5, 1.0, None, "1970-01-01T00:17:08Z")


def test_watching_as_json_is_wrong_use() -> None:
    assert status("get", "-w", "-o", "json") == 2


def watched(*, terminal: bool) -> list[str]:
    told = iter([story(steps=(step_row(1, 5.0),)), story(steps=(step_row(1, 5.0),)), story(status="Done", reason="2 steps", ended=NOW)])
    blocks = runs.watch_blocks(lambda: [summarise(next(told), NOW)], Format.table, terminal=terminal, once_over=True, wait=lambda: None)
    return list(blocks)


def test_watching_prints_a_row_when_it_changes_and_ends_with_the_run() -> None:
    first, second, third = watched(terminal=False)
    assert [len(first.splitlines()), second, len(third.splitlines())] == [2, "", 1]
    assert "Done" in third


def test_watching_on_a_terminal_draws_the_table_anew() -> None:
    assert all(block.startswith("\x1b[H\x1b[JNAME") for block in watched(terminal=True))


def test_describe_tells_where_the_time_went() -> None:
    text = described()
    assert "step       2/200\nloss       5.55 -> 5.31\nspeed      12,400 tokens/s   MFU -\n" in text
    assert "start-up   21 s to the end of the first step\n           attempt 1: cluster 7.0 s, imports 6.0 s\n" in text
    assert "step time  0.34 s = compute 73% communication 15% optimizer 9% data 3% other 1% checkpoint 0%\n" in text
    assert "goodput    58%   lost to: start-up 40%, data 2%\n" in text
    assert "price      -\n" in text


def test_describe_shows_attempts_checkpoints_and_findings() -> None:
    checkpoints = tuple({"t": 1_000_030.0 + n, "step": n, "duration_us": 50_000, "bytes": 2048, "path": f"step-{n}"} for n in range(1, 8))
    text = described(
        attempts=(Attempt(1, 1_000_001.0, 0, 1_000_050.0, "worker killed"), Attempt(2, 1_000_051.0, 1)), checkpoints=checkpoints,
        findings=(FINDING,), evaluations=({"t": 1.0, "name": "held-out loss", "step": 2, "value": 5.2},), price_micro_hour=350_000,
    )  # fmt: skip
    assert "worker killed" in text
    assert "and 2 before" in text
    assert "warning data-wait\n  62% of the step is data wait\n  2 workers read" in text
    assert "held-out loss" in text
    assert "price      $0.35 per hour" in text


def test_describe_of_a_run_that_has_nothing_yet_prints_dashes() -> None:
    text = described(steps=(), phases=(), attempts=(), first_step_after=None, parameters=None, tokens_per_second=None, team=None)
    assert "step       -/200\nloss       -\nspeed      -   MFU -\nstart-up   -\nstep time  -\n" in text


def test_describe_runs_from_end_to_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_run(tmp_path, "a-1")
    assert status("describe", "a") == 0
    out, err = capsys.readouterr()
    assert "status     Done   5 steps" in out
    assert err == "next: steelyard cost a-1      steelyard logs a-1\n"
    assert status("describe", "a", "-o", "json") == 0
    record = json.loads(capsys.readouterr().out)
    assert sum(record["goodput_us"].values()) == 2 * record["goodput_us"]["life"]
    assert sum(record["step_parts_us"].values()) == 5_000_000


def test_a_loss_that_is_not_a_number_is_said_and_does_not_break_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write_run(tmp_path, "a-1")
    path = run.path / "events" / "rank-0.1.jsonl"
    path.write_text(path.read_text().replace('"loss": 1.0', '"loss": NaN'))
    assert status("get", "a") == 0
    assert " nan " in capsys.readouterr().out
    assert status("get", "-o", "json") == 0
    assert json.loads(capsys.readouterr().out, parse_constant=pytest.fail)[0]["loss"] is None


def test_logs_name_their_writer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_run(tmp_path, "a-1")
    assert status("logs", "a-1", "--rank", "1") == 0
    assert capsys.readouterr() == ("rank-1.1  | hello from 1\nrank-1.1  | no end\n", "")


def test_following_reads_what_is_written_until_the_run_ends(tmp_path: Path) -> None:
    run = write_run(tmp_path, "a-1")
    alive = iter([True, True, False])
    log = run.path / "logs" / "driver.log"

    def write_more() -> None:
        with log.open("a") as file:
            file.write("more\n")

    follow: Callable[[], None] = write_more
    lines = list(runs.log_lines(LogReader(run), is_alive=lambda: next(alive), wait=follow))
    assert [line for writer, line in lines if writer == "driver"] == ["starting", "more", "more"]
    assert lines[-1] == ("rank-1.1", "no end")


def test_events_read_as_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_run(tmp_path, "a-1")
    assert status("events", "a-1") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["TIME", "WRITER", "KIND", "WHAT"]
    assert lines[-1].split(maxsplit=3) == ["1970-01-01T00:17:08Z", "driver", "run.end", "status=done reason=5 steps step=5"]
    assert status("events", "a-1", "-o", "name") == 2


def test_delete_without_a_terminal_does_not_ask(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write_run(tmp_path, "a-1")
    assert status("delete", "a-1") == 0
    assert not run.path.exists()
    assert capsys.readouterr() == ("", "a-1 deleted\nnext: steelyard get\n")


@pytest.mark.parametrize(("answer", "deleted"), [(False, False), (True, True)])
def test_delete_asks_on_a_terminal(answer: bool, deleted: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = write_run(tmp_path, "a-1")
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setattr(typer, "confirm", lambda question, err: answer)
    assert status("delete", "a-1") == (0 if deleted else 1)
    assert run.path.exists() is not deleted
