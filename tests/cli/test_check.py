import json

import pytest

from steelyard.cli import check as command
from steelyard.cli.main import main
from steelyard.verbs.check import Check

OK = Check("system", "ok", "Linux x86_64")
WARN = Check("price", "warn", "not known", "write a Platform")
MISSING = Check("loopback", "missing", "no loopback", "bring it up")


def status(monkeypatch: pytest.MonkeyPatch, rows: tuple[Check, ...], *arguments: str) -> int | str | None:
    monkeypatch.setattr(command, "check_machine", lambda home: rows)
    with pytest.raises(SystemExit) as ended:
        main(["check", *arguments])
    return ended.value.code


def test_warnings_do_not_fail_the_check(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert status(monkeypatch, (OK, WARN)) == 0
    out, err = capsys.readouterr()
    assert out == "NAME     STATUS   FOUND\nsystem   ok       Linux x86_64\nprice    warn     not known\n"
    assert err == "price: write a Platform\nnext: steelyard run 01-ray-training\n"


def test_something_needed_that_is_missing_fails_the_check(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert status(monkeypatch, (OK, WARN, MISSING)) == 1
    assert capsys.readouterr().err == "price: write a Platform\nloopback: bring it up\nmissing: loopback\n"


def test_check_as_json_holds_the_advice(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert status(monkeypatch, (OK, MISSING), "-o", "json") == 1
    assert json.loads(capsys.readouterr().out)[1] == {
        "name": "loopback", "status": "missing", "found": "no loopback", "advice": "bring it up",
    }  # fmt: skip
