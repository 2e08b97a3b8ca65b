import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from steelyard.cli.main import main

TRAIN = "kind: Train\nname: x\nmodel: nano-gpt\n"
LIGHT = """
import sys
from steelyard.cli.main import main
try:
    main(["validate", sys.argv[1]])
except SystemExit:
    pass
heavy = {"rich.console", "rich.table", "duckdb", "numpy", "psutil", "ray", "torch", "nicegui", "prometheus_client"} & set(sys.modules)
assert not heavy, heavy
"""


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEELYARD_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


def status(*arguments: str) -> int | str | None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    return ended.value.code


def test_validate_of_what_is_right_says_so_and_what_to_type_next(capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.yaml").write_text(TRAIN + "spot: never\n")
    assert status("validate", "a.yaml") == 0
    assert capsys.readouterr() == (
        "ok   1 Train   in a.yaml\na.yaml:4:7: note: spot: not enforced by any engine yet\n",
        "next: steelyard run a.yaml\n",
    )


def test_validate_prints_every_problem_and_exits_with_1(capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.yaml").write_text(TRAIN + "gpus: 1\nlr: 2\n")
    assert status("validate", "a.yaml") == 1
    out, err = capsys.readouterr()
    assert out == (
        "a.yaml:4:1: 'gpus' is not a field of Train; did you mean 'gpu'?\n    4 | gpus: 1\n      | ^^^^\n"
        "example: gpu: H100:8        all fields: steelyard explain Train\n\n"
        "a.yaml:5:1: 'lr' is not a field of Train; did you mean 'learning_rate'?\n    5 | lr: 2\n      | ^^\n"
        "example: learning_rate: 2e-4        all fields: steelyard explain Train\n\n"
    )
    assert err == "2 to mend\nnext: steelyard explain Train\n"


def test_validate_as_json_is_the_findings(capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.yaml").write_text(TRAIN + "gpus: 1\n")
    assert status("validate", "a.yaml", "-o", "json") == 1
    (finding,) = json.loads(capsys.readouterr().out)
    assert (finding["rule"], finding["severity"], finding["file"], finding["line"], finding["column"]) == (
        "unknown-field", "error", "a.yaml", 4, 1
    )  # fmt: skip


def test_validate_without_a_file_is_wrong_use() -> None:
    assert status("validate") == 2


def test_validate_of_a_missing_file_fails(capsys: pytest.CaptureFixture[str]) -> None:
    assert status("validate", "absent.yaml") == 1
    assert capsys.readouterr().err.endswith("next: steelyard init\n")


def test_validate_imports_only_what_it_needs() -> None:
    Path("a.yaml").write_text(TRAIN)
    done = subprocess.run([sys.executable, "-c", LIGHT, "a.yaml"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "ok   1 Train   in a.yaml\n"


def test_explain_prints_a_field(capsys: pytest.CaptureFixture[str]) -> None:
    assert status("explain", "Train.checkpoint.every") == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[0] == "Train.checkpoint.every    a duration: 15m, 2 days"
    assert err == "next: steelyard init\n"


def test_explain_in_other_forms(capsys: pytest.CaptureFixture[str]) -> None:
    assert status("explain", "Train.checkpoint", "-o", "json") == 0
    assert [field["path"] for field in json.loads(capsys.readouterr().out)["fields"]] == ["Train.checkpoint.every", "Train.checkpoint.keep"]
    assert status("explain", "-o", "name") == 0
    assert capsys.readouterr().out.split()[:2] == ["Platform", "Team"]
    assert status("explain", "Batch", "-o", "yaml") == 0
    assert yaml.safe_load(capsys.readouterr().out)["path"] == "Batch"


def test_explain_of_a_wrong_word_names_the_right_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert status("explain", "Train.gpus") == 1
    assert capsys.readouterr().err == "'gpus' is not a field of Train; did you mean 'gpu'?\nnext: steelyard explain Train.gpu\n"


def test_schema_is_json_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    assert status("schema") == 0
    out, err = capsys.readouterr()
    assert "Train" in json.loads(out)["$defs"]
    assert "# yaml-language-server: $schema=" in err


def test_init_lists_and_copies(capsys: pytest.CaptureFixture[str]) -> None:
    assert status("init") == 0
    assert capsys.readouterr().out.splitlines()[0].split() == ["NAME", "WHAT"]
    assert status("init", "01-ray-training") == 0
    out, err = capsys.readouterr()
    assert any(line.endswith(".yaml") for line in out.splitlines()[1:])
    assert all(Path(line).is_file() for line in out.splitlines()[1:])
    assert err == "next: steelyard validate 01-ray-training      steelyard run 01-ray-training\n"
    assert status("init", "01-ray-training") == 1
