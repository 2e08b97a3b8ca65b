"""One catalogue; instruments, panels, reference and endpoint follow it."""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Iterable
from http import HTTPStatus
from pathlib import Path
from urllib.error import HTTPError

import pytest
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.parser import text_string_to_metric_families

from steelyard.telemetry.catalog import BY_NAME, METRICS
from steelyard.telemetry.events import PHASES
from steelyard.telemetry.exporter import answer, serve
from steelyard.telemetry.goodput import LOSSES
from steelyard.telemetry.instruments import READINGS, families
from steelyard.telemetry.panels import panels
from steelyard.telemetry.reference import reference
from tests.telemetry.made_up import MadeUpRun

DOCS = Path(__file__).parents[2] / "docs"


def full(run: MadeUpRun, gpus: list[dict[str, float]] | None = None) -> MadeUpRun:
    """A run of which everything is known."""
    run.start(price=1_000_000)
    run.driver("phase", name="check", start=999.0)
    run.attempt_start(peak=1e6)
    run.steps(1, 3)
    run.checkpoint(3, duration_us=200_000)
    run.rank("sample", rss_bytes=10, cpu_seconds=1.5, host_used_bytes=20, host_total_bytes=40,
             gpus=[{"index": 0, "used_bytes": 5, "total_bytes": 9, "utilisation": 0.5}] if gpus is None else gpus)
    run.driver("finding", rule="data-wait", severity="warning", object="x", message="m")
    return run


def values(found: Iterable[Family]) -> dict[str, float]:
    """Name and labels beside `run`, to value."""
    return {sample.name + "".join(f" {value}" for key, value in sample.labels.items() if key != "run"): sample.value
            for family in found for sample in family.samples}


def test_names_follow_prometheus() -> None:
    assert len(BY_NAME) == len(METRICS)
    for metric in METRICS:
        assert re.fullmatch(r"steelyard(_[a-z0-9]+)+", metric.name)
        assert metric.name.endswith("_total") == (metric.kind == "counter")
        if metric.unit in ("seconds", "bytes", "ratio", "dollars"):
            assert metric.name.removesuffix("_total").endswith(f"_{metric.unit}")
        assert metric.help.endswith(".")
        assert len(metric.labels) <= 20


def test_each_metric_of_the_catalogue_is_emitted_when_everything_is_known(run: MadeUpRun) -> None:
    emitted = {family.name for family in families([full(run).story()])}
    assert emitted == {metric.name.removesuffix("_total") for metric in METRICS} - {"steelyard_exporter_success"}
    assert set(READINGS) | {"steelyard_train_step_seconds", "steelyard_exporter_success"} == set(BY_NAME)


def test_labels_are_those_of_the_catalogue(run: MadeUpRun) -> None:
    labels = {metric.name.removesuffix("_total"): set(metric.labels) for metric in METRICS}
    for family in families([full(run).story()]):
        assert all(set(sample.labels) - {"le"} == labels[family.name] for sample in family.samples), family.name


def test_the_values_are_those_of_the_story(run: MadeUpRun) -> None:
    told = values(families([full(run).story()]))
    assert told["steelyard_run_status Running"] == 1
    assert told["steelyard_run_status Lost"] == 0
    assert told["steelyard_run_life_seconds"] == 4
    assert told["steelyard_run_cost_dollars"] == pytest.approx(4 / 3600)
    assert told["steelyard_train_step_part_seconds_total compute"] == pytest.approx(2.1)
    assert told["steelyard_train_step_seconds_bucket 1.0"] == 3
    assert told["steelyard_train_step_seconds_bucket 0.5"] == 0
    assert told["steelyard_train_step_seconds_sum"] == pytest.approx(3.0)
    assert told["steelyard_train_tokens_total"] == 600
    assert told["steelyard_train_recorder_seconds_total"] == pytest.approx(150e-6)
    assert told["steelyard_gpu_utilisation_ratio 0 0"] == 0.5
    assert told["steelyard_run_findings data-wait warning"] == 1
    losses = sum(told[f"steelyard_run_lost_seconds {kind}"] for kind in LOSSES)
    assert losses + told["steelyard_run_productive_seconds"] == pytest.approx(told["steelyard_run_life_seconds"])


def test_what_is_not_known_has_no_sample(run: MadeUpRun) -> None:
    run.start(price=None)
    told = values(families([run.story()]))
    unknown = ("steelyard_run_cost", "steelyard_train_loss", "steelyard_gpu", "steelyard_process", "steelyard_train_mfu",
               "steelyard_train_tokens", "steelyard_train_step", "steelyard_host")
    assert not {name for name in told if name.startswith(unknown)}
    assert told["steelyard_run_status Starting"] == 1
    assert "steelyard_run_goodput_ratio" not in told  # no life yet


def test_a_gpu_reading_that_is_missing_is_no_sample(run: MadeUpRun) -> None:
    told = values(families([full(run, gpus=[{"index": 3, "total_bytes": 9}]).story()]))
    assert {name for name in told if name.startswith("steelyard_gpu")} == {"steelyard_gpu_memory_total_bytes 0 3"}


def test_a_run_that_is_over_uses_no_memory(run: MadeUpRun) -> None:
    full(run).end()
    told = values(families([run.story(alive=False)]))
    assert "steelyard_process_rss_bytes 0" not in told
    assert told["steelyard_process_cpu_seconds_total 0"] == 1.5


def test_a_restart_is_counted_when_workers_start_again(run: MadeUpRun) -> None:
    full(run).lose_workers(3)
    assert values(families([run.story()]))["steelyard_run_restarts_total"] == 0
    run.attempt_start(from_step=3)
    assert values(families([run.story()]))["steelyard_run_restarts_total"] == 1


def test_several_runs_stand_side_by_side(run: MadeUpRun, tmp_path: Path) -> None:
    other = MadeUpRun(tmp_path / "other")
    other.start()
    found = {family.name: family for family in families([full(run).story(), other.story()])}
    assert len(found["steelyard_run_info"].samples) == 2
    assert len(found["steelyard_train_loss"].samples) == 1


def test_each_panel_has_a_metric_of_the_catalogue_and_something_to_look_at() -> None:
    assert len({panel.title for panel in panels()}) == len(panels())
    for panel in panels():
        assert panel.unit == BY_NAME[panel.metric].unit
        assert len(panel.look) > 40
        assert "  " not in panel.look


def test_the_reference_page_is_what_the_catalogue_gives() -> None:
    page = DOCS / "reference" / "metrics.md"
    assert page.read_text() == reference(), "run: python -m steelyard.telemetry.reference docs/reference/metrics.md"


def test_the_pages_for_people_name_only_what_exists() -> None:
    text = (DOCS / "metrics.md").read_text() + (DOCS / "goodput.md").read_text()
    named = {name.strip("`") for name in re.findall(r"`steelyard_[a-z_]+`", text)}
    assert len(named) > 5
    assert named <= set(BY_NAME)
    goodput_page = (DOCS / "goodput.md").read_text()
    assert [kind for kind in LOSSES if f"**{kind}**" not in goodput_page] == []
    assert [phase for phase in PHASES if phase not in goodput_page] == []


# The endpoint.

HOST = {"host": "127.0.0.1:9464"}


def test_the_endpoint_answers_with_the_token_in_the_header_or_in_the_address(run: MadeUpRun) -> None:
    story = full(run).story()
    for path, headers in (("/metrics", {"authorization": "Bearer secret"}), ("/metrics?token=secret", {})):
        said = answer(lambda: families([story]), "secret", 9464, path, HOST | headers)
        assert said.status == HTTPStatus.OK
        told = values(text_string_to_metric_families(said.body.decode()))
        assert told["steelyard_exporter_success"] == 1
        assert told["steelyard_train_step"] == 3


@pytest.mark.parametrize(("path", "headers", "status"), [
    ("/metrics", HOST, 401),
    ("/metrics?token=", HOST, 401),
    ("/metrics?token=secre", HOST, 401),
    ("/metrics", HOST | {"authorization": "Basic secret"}, 401),
    ("/metrics?token=secret", {"host": "evil.example:9464"}, 403),
    ("/metrics?token=secret", {"host": "127.0.0.1:1"}, 403),
    ("/metrics?token=secret", {}, 403),
    ("/other", HOST, 401),
    ("/other?token=secret", HOST, 404),
    ("/metrics?token=%ff\udcff", HOST, 401),
    ("//[?token=secret", HOST, 404),
])
def test_the_endpoint_turns_away_what_is_not_ours(path: str, headers: dict[str, str], status: int) -> None:
    said = answer(list, "secret", 9464, path, headers)
    assert said.status == status
    assert b"steelyard_" not in said.body


def test_a_run_that_cannot_be_read_withdraws_its_series_and_says_so() -> None:
    def fail() -> Iterable[Family]:
        raise OSError("gone")

    told = values(text_string_to_metric_families(answer(fail, "secret", 9464, "/metrics?token=secret", HOST).body.decode()))
    assert told == {"steelyard_exporter_success": 0}


def test_an_endpoint_without_a_token_is_refused() -> None:
    with pytest.raises(ValueError, match="token"):
        serve(list, token="")


@pytest.mark.engine
def test_the_endpoint_serves_on_loopback_until_closed(run: MadeUpRun) -> None:
    story = full(run).story()
    server = serve(lambda: families([story]), token="secret")
    try:
        assert server.url.startswith("http://127.0.0.1:")
        with urllib.request.urlopen(f"{server.url}?token=secret", timeout=5) as response:
            assert b"steelyard_train_loss" in response.read()
            assert response.headers["Server"].strip() == "Steelyard"
        with pytest.raises(HTTPError, match="401") as refused:
            urllib.request.urlopen(server.url, timeout=5)
        refused.value.close()
    finally:
        server.close()
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"{server.url}?token=secret", timeout=5)
