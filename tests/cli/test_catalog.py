"""`catalog` on the terminal and as data."""

import json
from pathlib import Path

import pytest
import typer

from steelyard.cli.catalog import Action, catalog
from steelyard.cli.output import Format
from steelyard.findings import Finding
from steelyard.verbs.catalog import Change, Update


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STEELYARD_HOME", str(tmp_path))


def given(monkeypatch: pytest.MonkeyPatch, *changes: Change, **fields: object) -> None:
    update = {"region": "eu-west-1", "changes": changes, "same": 3, "stay": (), "problems": (), "file": Path("catalog.json")} | fields
    monkeypatch.setattr("steelyard.cli.catalog.verbs.update", lambda *_, **__: Update(**update))  # type: ignore[arg-type]


def test_what_is_known_is_listed_with_its_date_and_that_nothing_was_updated(capsys: pytest.CaptureFixture[str]) -> None:
    catalog()
    shown = capsys.readouterr()
    (line,) = [line for line in shown.out.splitlines() if line.startswith("on-demand prices")]
    assert line.split()[2] == "us-east-1"
    assert "2026-07-20" in line
    assert "last update: never" in shown.err
    assert shown.err.endswith("next: steelyard catalog update\n")


def test_as_data_it_is_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    catalog(output=Format.json)
    data = json.loads(capsys.readouterr().out)
    assert (data["updated"], data["updated_region"]) == (None, None)
    assert {"models", "accelerators", "storage"} <= {row["name"] for row in data["known"]}


def test_an_update_shows_each_change_old_and_new(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    given(monkeypatch, Change("on-demand", "g5.xlarge", 1_006_000, 980_000), Change("spot", "g5.xlarge", None, 400_000),
          Change("zones", "g5.xlarge", ("a",), ("a", "b")), Change("quota", "L-417A185B", 0.0, 192.0),
          Change("type", "g5.xlarge", {"gpus": 1}, {"gpus": 2}))  # fmt: skip
    catalog(Action.update)
    shown = capsys.readouterr()
    rows = [line.split() for line in shown.out.splitlines()]
    assert rows[1] == ["on-demand", "g5.xlarge", "$1.01/h", "$0.98/h"]
    assert rows[2] == ["spot", "g5.xlarge", "-", "$0.40/h"]
    assert rows[3] == ["zones", "g5.xlarge", "a", "a,b"]
    assert "L-417A185B (P, on demand)" in shown.out
    assert rows[4][-4:] == ["0", "vCPUs", "192", "vCPUs"]
    assert rows[5][-4:] == ["gpus", "1", "gpus", "2"]
    assert "eu-west-1: 5 changed, 3 as before; written to catalog.json" in shown.err


def test_what_failed_is_told_and_what_stays_is_counted(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    told = "pricing:GetProducts gave no answer: no permission for it"
    problem = Finding("catalog-update-incomplete", "warning", "pricing:GetProducts", told)
    given(monkeypatch, problems=(problem,), stay=("spot of a", "spot of b", "spot of c", "spot of d"), file=None)
    catalog(Action.update)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert told in shown.err
    assert "4 not named any more and kept (spot of a, spot of b, spot of c, ...); nothing written: a dry run" in shown.err


def test_a_long_list_is_cut_on_the_terminal_and_whole_as_data(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    given(monkeypatch, *(Change("spot", f"t{number}.large", None, 1) for number in range(100)))
    catalog(Action.update)
    shown = capsys.readouterr()
    assert len(shown.out.splitlines()) == 1 + 40
    assert "and 60 more: -o wide" in shown.err
    catalog(Action.update, output=Format.wide)
    assert len(capsys.readouterr().out.splitlines()) == 1 + 100
    catalog(Action.update, output=Format.json)
    data = json.loads(capsys.readouterr().out)
    assert len(data["changes"]) == 100
    assert data["changes"][0] == {"what": "spot", "name": "t0.large", "old": None, "new": 1}


def test_a_region_without_update_is_wrong_use() -> None:
    with pytest.raises(typer.BadParameter):
        catalog(region="eu-west-1")
