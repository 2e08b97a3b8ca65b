"""What is read from the measured rows, and what is computed from predictions for them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.bars import read_recipe
from benchmarks.latency.__main__ import HERE, requirement, widest
from benchmarks.latency.environment import Answers
from benchmarks.latency.fitting import NAMES, STARTS, ends, fit, fold, table
from benchmarks.latency.peer import request
from benchmarks.latency.predicting import BEST, peers, predict
from benchmarks.latency.reporting import NOT_VALIDATED, cells, losing
from benchmarks.latency.rows import Deployment, Row, deployment, once, read_rows
from benchmarks.latency.scoring import Guess, best_way, score

HEAD = ("id,silicon_data_source,backend,backend_version,model_path,system,precision,mode,isl,osl,gemm_quant_mode,moe_quant_mode,batch_size,"
        "tp_size,pp_size,attention_dp_size,moe_tp_size,moe_ep_size,silicon_ttft_ms,silicon_tpot_ms\n")  # fmt: skip
LINES = (
    "a,silicon_concurrency=16; x,vllm,0.19.0,MiniMaxAI/MiniMax-M2.5,b200_sxm,fp8,agg,1024,1024,fp8,fp8,4,4,1,4,1,16,76.3,10.6\n"
    "b,silicon_concurrency=8,vllm,0.12.0,Qwen/Qwen3-235B-A22B-FP8,h200_sxm,fp8,agg,2000,500,fp8,fp8,8,1,1,,4,1,800,42\n"
    "c,none told,vllm,,meta-llama/Llama-3.1-70B,h100_sxm,fp8,agg,1024,1024,fp8,fp8,32,2,1,1,2,1,270,23\n"
    "d,silicon_concurrency=4,trtllm,,meta-llama/Llama-3.1-70B,h100_sxm,fp8,agg,1024,1024,fp8,fp8,32,2,1,1,2,1,270,23\n"
    "e,silicon_concurrency=4,vllm,,openai/gpt-oss-120b,h100_sxm,fp4,agg,1024,1024,nvfp4,nvfp4,4,2,1,1,2,1,,\n"
)
NOWHERE = Path("nowhere")


@pytest.fixture(name="rows")
def some_rows(tmp_path: Path) -> tuple[Row, ...]:
    file = tmp_path / "rows.csv"
    file.write_text(HEAD + LINES)
    return read_rows(file)


def understood(row: Row) -> Deployment:
    return deployment(row, NOWHERE)


def test_only_aggregated_rows_of_vllm_with_figures_are_read_and_devices_are_not_counted_twice(rows: tuple[Row, ...]) -> None:
    assert [(row.number, row.id, row.devices, row.in_flight) for row in rows] == [(0, "a", 4, 16), (1, "b", 4, 8), (2, "c", 2, 32)]
    assert rows[0].ttft == pytest.approx(0.0763)


def test_a_configuration_judges_by_its_columns_and_not_by_how_many_were_in_flight(rows: tuple[Row, ...]) -> None:
    assert rows[0].configuration == "MiniMaxAI/MiniMax-M2.5|b200_sxm|fp8|4|1024|1024"
    assert rows[0].judges == replace(rows[0], in_flight=1, engine="").judges
    many = [replace(rows[0], prompt=prompt) for prompt in range(1, 1001)]
    assert 150 < sum(row.judges for row in many) < 250
    assert len({fold(row) for row in many}) == 5
    assert fold(rows[0]) == fold(replace(rows[0], in_flight=1))


def test_a_measurement_that_is_told_twice_can_be_counted_once(rows: tuple[Row, ...]) -> None:
    again = replace(rows[0], number=9, id="again", tensor_parallel=2, engine="")
    assert once([*rows, again]) == rows
    assert once([*rows, replace(again, ttft=again.ttft + 0.001)]) != rows


def test_what_a_checkpoint_keeps_in_which_numbers(rows: tuple[Row, ...]) -> None:
    gpt = replace(rows[2], model="openai/gpt-oss-120b", precision="fp4")
    assert (understood(gpt).numbers.dense, understood(gpt).numbers.experts) == ("bf16", "mxfp4")
    nvfp4 = replace(rows[2], precision="fp4", system="b200_sxm")
    assert understood(nvfp4).numbers.dense == "nvfp4"
    assert understood(replace(rows[0], precision="fp4")).numbers.dense == "bf16"


def test_the_peer_is_asked_as_the_columns_say_or_as_the_checkpoint_is() -> None:
    line = {"model_path": "MiniMaxAI/MiniMax-M2.5", "precision": "fp4", "gemm_quant_mode": "nvfp4", "moe_quant_mode": "nvfp4",
            "tp_size": "4", "attention_dp_size": "4", "moe_tp_size": "1", "moe_ep_size": "16", "batch_size": "8"}  # fmt: skip
    assert request(line, "columns")["parallel"] == (4, 1, 4, 1, 16)
    told = request(line, "checkpoint")
    assert (told["model"], told["parallel"], told["batch"], told["modes"]) == ("nvidia/MiniMax-M2.5-NVFP4", (4, 1, 1, 1, 4), 32, {})


def test_errors_coverage_and_intervals_are_counted(rows: tuple[Row, ...]) -> None:
    likely, fastest = {"ttft": 0.0763, "tpot": 0.0212}, {"ttft": 0.1, "tpot": 0.01}
    one = score(rows, {0: Guess(likely, {"ttft": 0.07, "tpot": 0.01}, {"ttft": 0.08, "tpot": 0.0105}, fastest)})
    assert one.coverage == pytest.approx(1 / 3)
    assert one.median_error == {"ttft": pytest.approx(0), "tpot": pytest.approx(1)}
    assert one.inside == {"ttft": 1, "tpot": 0}
    assert one.below_roofline == 1
    assert score(rows, {}).median_error["tpot"] is None


def test_the_peer_gets_the_best_way_of_each_model_by_tuning_rows_and_the_other_where_that_is_silent(rows: tuple[Row, ...]) -> None:
    tunes = [row for row in (replace(rows[0], prompt=prompt, number=prompt) for prompt in range(1, 50)) if not row.judges][:2]
    judges = next(row for row in (replace(rows[0], prompt=prompt, number=prompt) for prompt in range(1, 50)) if row.judges)
    right = {row.number: Guess({"ttft": row.ttft, "tpot": row.tpot}) for row in tunes}
    wrong = {row.number: Guess({"ttft": 9.0, "tpot": 9.0}) for row in (*tunes, judges)}
    chosen = best_way([*tunes, judges], {"a": wrong, "b": right})
    assert chosen[tunes[0].number].likely["tpot"] == tunes[0].tpot
    assert chosen[judges.number].likely["tpot"] == 9.0


def test_answers_that_are_reasons_are_no_answers(rows: tuple[Row, ...]) -> None:
    said: list[dict[str, Any]] = [{"columns": [76.3, 10.6], "checkpoint": "RuntimeError: too large"}, {"columns": "x", "checkpoint": "x"},
            {"columns": "x", "checkpoint": [1, 2]}]  # fmt: skip
    found = peers(rows, Answers(NOWHERE, NOWHERE, said))
    assert set(found["columns"]) == {0}
    assert set(found["checkpoint"]) == {2}
    assert set(found[BEST]) == {0, 2}


def test_every_bar_has_a_cell_and_a_losing_kind_is_named(rows: tuple[Row, ...]) -> None:
    ours, theirs = predict(rows, understood), {row.number: Guess({"ttft": row.ttft, "tpot": row.tpot}) for row in rows}
    recipe = read_recipe(HERE / "bars.toml")
    found = cells(recipe, score(rows, ours), score(rows, theirs))
    assert {cell.bar.name for cell in found} == set(recipe.bars)
    assert next(cell for cell in found if cell.bar.name == "roofline").passed
    assert any(text.startswith("meta-llama/Llama-3.1-70B fp8 on h100_sxm: TPOT") for text in losing(rows, ours, theirs))
    assert all(card in NOT_VALIDATED for card in ("A10G", "L4", "L40S"))


def test_a_fit_finds_the_constants_that_made_the_rows(rows: tuple[Row, ...]) -> None:
    many = [replace(row, in_flight=count, prompt=prompt) for row in rows for count in (1, 8, 64) for prompt in (500, 4000)]
    made = table(many, understood)
    true = np.log([one.value * (1.3 if name in ("layer", "request", "burst") else 1) for name, one in STARTS.items()])
    data = replace(made, measured=made.predicted(true))
    assert np.abs(data.predicted(fit(data)) - data.measured).max() < 0.02
    assert len(NAMES) == len(set(NAMES))


def test_ends_hold_nine_of_ten() -> None:
    assert ends(np.log(np.arange(1.0, 102.0))) == pytest.approx((5, 97))
    assert ends(np.zeros(3)) == (1, 1)


def test_what_is_less_known_is_never_narrower() -> None:
    found = widest({"known": {"ttft": (0.8, 1.5), "tpot": (0.9, 1.1)}, "other model": {"ttft": (0.7, 1.2), "tpot": (0.5, 1.6)}})
    assert found["other model"] == {"ttft": (0.7, 1.5), "tpot": (0.5, 1.6)}


def test_the_pinned_version_of_the_peer_is_told() -> None:
    assert requirement("aiconfigurator-core") == "aiconfigurator-core==0.12.0"
