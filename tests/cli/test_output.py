import io
import json

import pytest
import yaml

from steelyard.cli.output import Column, Format, Record, has_color, next_command, percent, show, table_lines, text

COLUMNS = (Column("NAME", "name"), Column("STATUS", "status"), Column("STEP", "step", right=True), Column("TEAM", "team", wide=True))
RUNS: list[Record] = [
    {"name": "a-1", "status": "Done", "step": 200, "team": "nlp"},
    {"name": "longer-12", "status": "Lost", "step": None, "team": None},
]


def test_a_table_is_aligned_and_prints_a_dash_for_what_is_not_known() -> None:
    assert table_lines(RUNS, COLUMNS[:3]) == [
        "NAME        STATUS   STEP",
        "a-1         Done      200",
        "longer-12   Lost        -",
    ]


def test_only_the_status_word_is_coloured() -> None:
    plain, colored = table_lines(RUNS, COLUMNS), table_lines(RUNS, COLUMNS, color=True)
    assert colored[0] == plain[0]
    assert colored[1] == plain[1].replace("Done", "\x1b[32mDone\x1b[0m")


def test_wide_shows_more_columns(capsys: pytest.CaptureFixture[str]) -> None:
    show(RUNS, COLUMNS, Format.table)
    narrow = capsys.readouterr().out
    show(RUNS, COLUMNS, Format.wide)
    assert "TEAM" not in narrow
    assert "TEAM" in capsys.readouterr().out


def test_json_and_yaml_hold_the_whole_records_and_name_only_names(capsys: pytest.CaptureFixture[str]) -> None:
    show(RUNS, COLUMNS, Format.json)
    assert json.loads(capsys.readouterr().out) == RUNS
    show(RUNS, COLUMNS, Format.yaml)
    assert yaml.safe_load(capsys.readouterr().out) == RUNS
    show(RUNS, COLUMNS, Format.name)
    assert capsys.readouterr().out == "a-1\nlonger-12\n"


def test_a_cell_is_one_line_without_control_characters() -> None:
    assert text("two\nlines \x1b[31mred") == "two lines [31mred"
    assert text(0) == "0"
    assert text(None) == text("") == "-"


def test_the_next_command_goes_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    next_command("steelyard get", "", "steelyard cost")
    assert capsys.readouterr() == ("", "next: steelyard get      steelyard cost\n")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_colour_needs_a_terminal_and_gives_way_to_no_color(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert has_color(Terminal())
    assert not has_color(io.StringIO())
    monkeypatch.setenv("NO_COLOR", "1")
    assert not has_color(Terminal())


def test_a_small_share_is_not_a_bare_zero() -> None:
    assert [percent(ratio) for ratio in (0.584, 0.004, 0.0, 1.0)] == ["58%", "<1%", "0%", "100%"]
