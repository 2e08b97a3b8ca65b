"""Where a result comes from, and how it is written."""

import json
import re
from pathlib import Path

from benchmarks.provenance import Commit, commit, compact, cpu_model, keep, machine, provenance


def test_a_result_is_named_after_its_day_and_commit_and_says_when_files_differed(tmp_path: Path) -> None:
    clean, dirty = keep(tmp_path, Commit("a" * 40, dirty=False), {}), keep(tmp_path, Commit("a" * 40, dirty=True), {})
    assert re.fullmatch(r"\d{4}-\d\d-\d\d-aaaaaaaaaa\.json", clean.name)
    assert dirty.stem == clean.stem + "-dirty"


def test_numbers_are_kept_on_one_line_and_nothing_is_changed() -> None:
    data = {"runs": [1, 2.5, -3e-05], "text": "[1, 2]", "nested": [{"a": [1]}, {"b": []}]}
    text = compact(json.dumps(data, indent=1))
    assert '"runs": [1,2.5,-3e-05]' in text
    assert json.loads(text)["nested"] == data["nested"]


def test_every_result_names_commit_date_machine_and_versions() -> None:
    said = provenance(commit())
    assert re.fullmatch(r"[0-9a-f]{40}", said["commit"])
    assert said["date"].endswith("+00:00")
    assert said["machine"]["cores"] >= 1
    assert set(said["versions"]) >= {"python", "steelyard", "torch", "ray"}


def test_a_machine_is_described_without_its_name() -> None:
    assert not {"node", "host", "hostname"} & set(machine())


def test_an_unknown_processor_is_none(tmp_path: Path) -> None:
    assert cpu_model(tmp_path / "none") is None
    (tmp_path / "info").write_text("processor\t: 0\nmodel name\t: Some CPU\nmodel name\t: Some CPU\n")
    assert cpu_model(tmp_path / "info") == "Some CPU"
