"""`plan` on the terminal and as data, for the blueprints that people bring."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer

from steelyard.cli.output import Format
from steelyard.cli.plan import plan


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEELYARD_HOME", str(tmp_path / "home"))


def written(folder: Path, *documents: str) -> str:
    file = folder / "blueprint.yaml"
    file.write_text("---\n".join(documents))
    return str(file)


def serve(model: str, *lines: str) -> str:
    return "\n".join(["kind: Serve", "name: chat", f"model: {model}", *lines]) + "\n"


def data(file: str, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    plan([file], output=Format.json)
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_three_lines_are_enough_and_what_they_leave_open_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan([written(tmp_path, serve("meta-llama/Llama-2-70b-chat-hf"))])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "chat   Serve   meta-llama/Llama-2-70b-chat-hf"
    labels = [line[2:12].strip() for line in lines if line.startswith("  ") and line[2:12].strip()]
    assert labels == ["needs", "does", "goes to", "costs", "loads", "why not", "instead", "assumed"]
    text = "\n".join(lines)
    assert "weights " in text
    assert "/month   prices of 2026-07-20" in text
    assert "traffic: {rate: 4/s" in text
    assert lines[-1].startswith("Plan: ")


def test_the_parts_of_a_device_sum_to_what_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chosen = data(written(tmp_path, serve("Qwen/Qwen2.5-7B-Instruct")), capsys)["workloads"][0]["chosen"]
    memory = chosen["memory"]
    inside = sum(part["likely"] for name, part in memory.items() if name not in ("kv_pool", "graphs"))
    assert memory["kv_pool"]["likely"] == int(0.9 * chosen["device_memory"]) - inside


def test_the_accident_is_refused_with_its_place_the_parts_and_what_fits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as ended:
        plan([written(tmp_path, serve("meta-llama/Llama-2-13b-chat-hf", "gpu: 8GB"))])
    assert ended.value.exit_code == 1
    text = capsys.readouterr().err
    assert "blueprint.yaml:4:6: meta-llama/Llama-2-13b-chat-hf does not fit on a device with 8GB" in text
    assert "4 | gpu: 8GB" in text
    assert "weights 24." in text
    assert "fits: g" in text


def test_a_lora_training_is_priced_as_a_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = written(tmp_path, "kind: Train\nname: tune\nmodel: meta-llama/Llama-2-7b-hf\nrecipe: lora\ndata: s3://c/*.jsonl\ntokens: 50M\n")
    plan([file])
    text = capsys.readouterr().out
    assert "lora, " in text
    assert " in all (" in text
    chosen = data(file, capsys)["workloads"][0]["chosen"]
    assert chosen["total_price"]["low"] <= chosen["total_price"]["likely"] <= chosen["total_price"]["high"]


def test_a_model_that_outgrows_a_node_goes_to_several(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = written(tmp_path, serve("meta-llama/Llama-3.1-405B", "gpu: H100", "quantization: none"))
    chosen = data(file, capsys)["workloads"][0]["chosen"]
    assert (chosen["instance"], chosen["nodes"], chosen["tensor_parallel"], chosen["pipeline_parallel"]) == ("p5.48xlarge", 2, 8, 2)


def test_a_model_published_in_fp8_is_served_in_fp8(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chosen = data(written(tmp_path, serve("deepseek-ai/DeepSeek-V3")), capsys)["workloads"][0]["chosen"]
    assert chosen["quantization"] == "fp8"
    assert chosen["gpus_per_node"] == 8


def test_a_model_is_read_from_its_own_configuration_beside_the_blueprint(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = {"model_type": "llama", "hidden_size": 2048, "num_hidden_layers": 16, "num_attention_heads": 32, "num_key_value_heads": 8,
              "intermediate_size": 8192, "vocab_size": 128256, "max_position_embeddings": 8192}  # fmt: skip
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "config.json").write_text(json.dumps(config))
    assert data(written(tmp_path, serve("./mine")), capsys)["feasible"] is True


def test_an_unknown_model_and_a_context_that_is_too_long_have_their_places(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    long = "kind: Serve\nname: long\nmodel: meta-llama/Llama-2-7b-hf\ncontext: 8000\n"
    with pytest.raises(typer.Exit):
        plan([written(tmp_path, serve("meta-llama/Lama-3.1-8B"), long)])
    text = capsys.readouterr().err
    assert "blueprint.yaml:3:8: no model meta-llama/Lama-3.1-8B in the catalogue; near: meta-llama/Llama-3.1-8B" in text
    assert "blueprint.yaml:8:10: context: 8,000 tokens are more than the 4,096" in text


def test_what_is_not_weighed_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan([written(tmp_path, "kind: Serve\nname: chat\nmodel: Qwen/Qwen2.5-7B-Instruct\ngpu: H100:1g.10gb\n")])
    captured = capsys.readouterr()
    assert "a model on a share of a device is not weighed yet" in captured.err
    assert captured.out == "Plan: nothing to rent.\n"


def test_a_batch_goes_where_a_row_costs_least(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = written(tmp_path, "kind: Batch\nname: labels\nmodel: Qwen/Qwen2.5-7B-Instruct\ninput: rows.parquet\ndeadline: 6h\n")
    found = data(file, capsys)["workloads"][0]
    prices = [one["price_of_thousand_rows"]["likely"] for one in found["others"] if one["refusal"] is None]
    assert found["chosen"]["price_of_thousand_rows"]["likely"] <= min(prices)
    plan([file])
    text = capsys.readouterr().out
    assert "for 1,000 rows (" in text
    assert "deadline 6h cannot be checked without the number of rows" in text


def test_a_notebook_gets_what_it_asks_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain, sharing = "kind: Notebook\nname: ana\n", "kind: Notebook\nname: ben\ngpu: L4:1/4\n"
    found = data(written(tmp_path, plain, sharing), capsys)["workloads"]
    assert [one["chosen"]["gpu"] for one in found] == [None, "L4"]
    plan([written(tmp_path, sharing)])
    assert "the memory of the others is not fenced off" in capsys.readouterr().out


def test_own_prices_and_own_nodes_are_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "nodes.csv").write_text("name,gpu,gpu_count,cpus,memory,usd_hour\nrack,H100,8,192,2TiB,0.10\n")
    (tmp_path / "prices.csv").write_text("instance_type,usd_hour\ng6e.xlarge,0.05\n")
    own = written(tmp_path, "kind: Platform\nname: p\ninstances: [nodes.csv]\n", serve("Qwen/Qwen2.5-7B-Instruct"))
    assert data(own, capsys)["workloads"][0]["chosen"]["instance"] == "rack"
    listed = written(tmp_path, "kind: Platform\nname: p\nprices: prices.csv\n", serve("Qwen/Qwen2.5-7B-Instruct", "gpu: L40S"))
    chosen = data(listed, capsys)["workloads"][0]["chosen"]
    assert (chosen["instance"], chosen["price_micro_hour"]) == ("g6e.xlarge", 50_000 * chosen["nodes"])


def test_wide_lists_every_offer_and_the_names_are_those_of_the_workloads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = written(tmp_path, serve("Qwen/Qwen2.5-7B-Instruct"))
    plan([file], output=Format.wide)
    wide = capsys.readouterr().out
    plan([file])
    assert wide.count("\n") > capsys.readouterr().out.count("\n") + 20
    plan([file], output=Format.name)
    assert capsys.readouterr().out == "chat\n"
