from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steelyard.cli import cost as command
from steelyard.cli.main import main
from steelyard.cli.output import Format
from steelyard.errors import NotFoundError
from steelyard.home import Home
from steelyard.ledger.charges import bill
from steelyard.ledger.store import LedgerWriter
from steelyard.verbs.cost import CostReport, cost, parse_moment
from steelyard.verbs.cost_of_run import kept_tokens
from steelyard.verbs.cost_rows import latest, rows_by
from tests.ledger.examples import GIB, HOUR, holding, usage
from tests.verbs.stories import step_row, story, write_run

DAY = 24 * HOUR
NOW = 10 * DAY / 1e6


Patch = pytest.MonkeyPatch
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "state", tmp_path / "cache")


def write(
    home: Home, start_us: int, end_us: int, *, ratio: float | None = 0.5, attempt: int = 1, wasted_us: int = 0,
    reason: str = "done", **fields: Any,
) -> None:  # fmt: skip
    writer = LedgerWriter(home.ledger)
    one = writer.start(holding(**fields), start_us, attempt)
    writer.end(one, end_us, reason, ratio, wasted_us)
    writer.close()


def ask(home: Home, *names: str, by: str = "", **more: Any) -> CostReport:
    return cost(names, [by], home=home, now=NOW, **more)


def test_no_question_shows_the_latest_runs_first_and_idle_last(home: Home) -> None:
    write(home, 0, HOUR, run="a-1")
    write(home, 2 * HOUR, 3 * HOUR, run="b-1")
    report = ask(home)
    assert [row.keys for row in report.rows] == [("b-1",), ("a-1",), ("(idle)",)]
    assert report.total_micro == 720_000
    assert report.whole


def test_older_runs_share_a_row_so_that_rows_add_up() -> None:
    made = bill([usage(f"{n}", n * HOUR, (n + 1) * HOUR, run=f"a-{n}") for n in range(23)])
    rows = latest(made.charges)
    assert [row.keys[0] for row in rows[-3:]] == ["a-3", "(3 older)", "(idle)"]
    assert sum((row.allocated_micro or 0) if not row.idle else (row.idle_micro or 0) for row in rows) == made.price_micro


def test_by_team_and_run_sums_what_each_held_and_used(home: Home) -> None:
    write(home, 0, HOUR, run="a-1", team="nlp", cpus=4.0, memory_bytes=16 * GIB)
    write(home, 2 * HOUR, 3 * HOUR, run="b-1", team=None, ratio=None)
    report = ask(home, by="team,run")
    first, second, idle = report.rows
    assert (first.keys, first.used_ratio) == (("nlp", "a-1"), 0.5)
    assert (first.allocated_micro, first.used_micro, first.idle_micro) == (360_000, 180_000, 180_000)
    assert (second.keys, second.used_micro, second.idle_micro, second.used_ratio) == ((None, "b-1"), None, None, None)
    assert (idle.keys, idle.idle) == (("(idle)", "(idle)"), True)
    assert (second.allocated_micro or 0) + (idle.idle_micro or 0) == 360_000
    assert report.unknown_use == ("b-1",)
    assert sum(row.share or 0 for row in report.rows) == pytest.approx(1)


def test_days_come_in_their_order_and_devices_by_their_kind(home: Home) -> None:
    write(home, DAY - HOUR, DAY + 2 * HOUR, devices=(("H100", 0.25),), node_devices=(("H100", 1.0),))
    days = ask(home, by="day").rows
    devices = ask(home, by="device").rows
    assert [row.keys[0] for row in days] == ["1970-01-01", "1970-01-02", "1970-01-01 (idle)", "1970-01-02 (idle)"]
    assert [(row.keys[0], row.device_us) for row in devices] == [("H100", 3 * HOUR // 4), ("(idle)", 0)]


def test_an_unknown_price_is_left_out_and_said(home: Home) -> None:
    write(home, 0, HOUR, run="a-1", price_micro_hour=None, price_source="unknown")
    write(home, 0, HOUR, run="b-1", node="rack")
    report = ask(home, by="run")
    unpriced = next(row for row in report.rows if row.keys == ("a-1",))
    assert (unpriced.allocated_micro, unpriced.share, unpriced.unknown_price_us, unpriced.used_ratio) == (None, None, HOUR, 0.5)
    assert (report.total_micro, report.nodes, report.unknown_nodes) == (360_000, ("rack",), ("desk",))
    assert "unknown: 1 node (desk" in command.sum_line(report)


def test_when_no_price_is_known_the_sum_is_unknown_and_not_zero(home: Home) -> None:
    write(home, 0, HOUR, price_micro_hour=None)
    report = ask(home)
    assert report.total_micro is None
    assert command.sum_line(report).startswith("sum -   unknown: 1 node")


def test_since_and_until_cut_what_was_held(home: Home) -> None:
    write(home, 0, 4 * HOUR)
    assert ask(home, since="1970-01-01T01:00", until="1970-01-01T03:00").total_micro == 720_000
    assert ask(home, since="5d").rows == ()


def test_the_page_of_a_run_says_what_restarts_wasted(home: Home) -> None:
    everything: dict[str, Any] = {"cpus": 4.0, "memory_bytes": 16 * GIB, "run": "ray-training-1", "workload": "ray-training"}
    write(home, 0, HOUR, wasted_us=HOUR // 2, reason="worker lost: rank 1 died", **everything)
    write(home, HOUR, 2 * HOUR, attempt=2, **everything)
    write_run(home.state.parent, "ray-training-1")
    (page,) = ask(home, "ray-training").pages
    assert (page.attempts, page.restarts, page.wasted_us) == (2, 1, HOUR // 2)
    assert (page.sums.allocated_micro, page.sums.wasted_micro, page.without_restarts_micro) == (720_000, 180_000, 540_000)
    assert (page.sums.used_micro, page.sums.idle_micro) == (360_000, 360_000)
    assert page.tokens
    assert page.micro_per_million_tokens == round(720_000 * 1_000_000 / page.tokens)
    assert any("30m00s done twice after 1 restart; without it $0.54" in line for line in command.page_lines(page))


def test_a_deleted_run_still_has_its_page_and_no_tokens(home: Home) -> None:
    write(home, 0, HOUR, run="train-1", price_micro_hour=None, price_source="unknown")
    (page,) = ask(home, "train-1").pages
    assert (page.tokens, page.micro_per_million_tokens, page.sums.allocated_micro, page.without_restarts_micro) == (None, None, None, None)
    assert any("-   unknown   see docs/cost.md" in line for line in command.page_lines(page))


def test_a_part_of_a_life_is_not_set_against_all_its_tokens(home: Home) -> None:
    write(home, 0, HOUR, run="ray-training-1", workload="ray-training")
    write_run(home.state.parent, "ray-training-1")
    (page,) = ask(home, "ray-training-1", until="1970-01-01T00:30").pages
    assert (page.tokens, page.sums.held_us) == (None, HOUR // 2)


def test_a_workload_means_its_latest_run_and_a_wrong_name_its_nearest(home: Home) -> None:
    for number in (2, 10, 9):
        write(home, 0, HOUR, run=f"train-{number}")
    assert ask(home, "train").pages[0].run == "train-10"
    with pytest.raises(NotFoundError, match="did you mean 'train-10'"):
        ask(home, "trian-10")


def test_names_with_by_narrow_the_rows_to_those_runs(home: Home) -> None:
    write(home, 0, HOUR, run="a-1")
    write(home, 0, HOUR, run="b-1")
    report = ask(home, "a-1", by="node")
    assert [(row.keys, row.runs) for row in report.rows] == [(("desk",), 1)]
    assert not report.whole
    assert "of these runs" in command.sum_line(report)


def test_a_step_done_again_counts_its_tokens_once() -> None:
    steps = (step_row(1, 5.0), step_row(2, 4.9), step_row(2, 4.9, attempt=2))
    assert kept_tokens(story(steps=steps)) == 2 * steps[0].tokens
    assert kept_tokens(story(steps=())) is None


@pytest.mark.parametrize(("text", "ends", "us"), [
    ("2d", False, 8 * DAY), ("1970-01-03", False, 2 * DAY), ("1970-01-03", True, 3 * DAY), ("1970-01-01T01:00+01:00", False, 0),
    (" 1970-01-01T01:00Z ", True, HOUR),
])  # fmt: skip
def test_moments_are_durations_before_now_or_dates_in_utc(text: str, ends: bool, us: int) -> None:
    assert parse_moment(text, NOW, ends=ends) == us


@given(st.text(max_size=20))
def test_any_text_is_a_moment_or_a_value_error(text: str) -> None:
    try:
        moment = parse_moment(text, NOW, ends=True)
    except ValueError as error:
        assert "for example" in str(error) or "such as" in str(error)  # noqa: PT017  (both ways are right, each is checked)
    else:
        assert isinstance(moment, int)


@pytest.mark.parametrize(("arguments", "says"), [
    (["--by", "teem"], "did you mean 'team'"), (["--since", "yesterday"], "such as 2026-11-01"), (["--since", "2026-02-31"], "no date"),
    (["--since", "1d", "--until", "2d"], "nothing lies between"),
])  # fmt: skip
def test_wrong_arguments_are_wrong_use(
    arguments: list[str], says: str, monkeypatch: Patch, tmp_path: Path, capsys: Capture,
) -> None:  # fmt: skip
    monkeypatch.setenv("STEELYARD_HOME", str(tmp_path))
    with pytest.raises(SystemExit) as exit_:
        main(["cost", *arguments])
    said = " ".join(capsys.readouterr().err.split())
    assert (exit_.value.code, says in said, "Traceback" in said) == (2, True, False)


def run_command(home: Home, monkeypatch: Patch, **arguments: Any) -> None:
    monkeypatch.setattr(command, "home", lambda: home)
    command.cost(**arguments)


def test_the_table_has_its_sum_and_the_next_commands(home: Home, monkeypatch: Patch, capsys: Capture) -> None:
    write(home, 0, HOUR, run="a-1", devices=(("H100", 1.0),), node_devices=(("H100", 2.0),), price_micro_hour=4_000_000)
    run_command(home, monkeypatch, by=["team"])
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert lines[0].split() == ["TEAM", "CPU", "HOURS", "GPU", "HOURS", "USED", "ALLOCATED", "USED", "IDLE", "SHARE"]
    assert lines[1].split()[:4] == ["nlp", "2.00", "1.00", "50%"]
    assert lines[2].split()[:4] == ["(idle)", "-", "-", "-"]
    assert lines[3] == "sum $4.00 = price of 1 node, to the micro-dollar   unknown: nothing"
    assert lines[4].startswith("weights market: ")
    assert err == "next: steelyard cost --by team,run\n"


def test_json_is_exact_and_yaml_says_the_same(home: Home, monkeypatch: Patch, capsys: Capture) -> None:
    write(home, 0, HOUR, run="a-1", price_micro_hour=1_000_001)
    run_command(home, monkeypatch, output=Format.json)
    data = json.loads(capsys.readouterr().out)
    run_command(home, monkeypatch, output=Format.yaml)
    assert data["total_micro"] == 1_000_001
    assert data["rows"][0]["run"] == "a-1"
    assert "total_micro: 1000001" in capsys.readouterr().out


def test_names_are_the_runs(home: Home, monkeypatch: Patch, capsys: Capture) -> None:
    write(home, 0, HOUR, run="a-1")
    run_command(home, monkeypatch, names=["a-1"], output=Format.name)
    assert capsys.readouterr().out == "a-1\n"


def test_an_empty_ledger_says_so_and_a_torn_one_how_much(home: Home, monkeypatch: Patch, capsys: Capture) -> None:
    run_command(home, monkeypatch)
    empty = capsys.readouterr()
    write(home, 0, HOUR)
    (home.ledger / "torn.jsonl").write_text('{"v":1,"id"')
    run_command(home, monkeypatch)
    assert empty.out == ""
    assert "no run is in the ledger yet" in empty.err
    assert "1 line of the ledger cannot be read" in capsys.readouterr().err


def test_rows_by_node_keep_idle_apart() -> None:
    rows = rows_by(bill([usage("a")]).charges, ("node",))
    assert [(row.keys[0], row.idle) for row in rows] == [("desk", False), ("desk (idle)", True)]


def test_use_beyond_all_that_is_held_is_shown_as_all() -> None:
    (row, _) = rows_by(bill([replace(usage("a"), used_ratio=1.3)]).charges, ("run",))
    assert row.used_ratio == 1.0
