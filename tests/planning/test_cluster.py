"""Whole blueprints: shared nodes, limits, refusals with what would fit."""

from __future__ import annotations

from random import Random
from typing import Any

from steelyard.blueprint import Blueprint, Notebook, Platform, Serve, Team, Workload
from steelyard.catalog.instances import instance_types
from steelyard.catalog.nodes import read_nodes
from steelyard.catalog.prices import listed_prices, shipped_prices
from steelyard.planning.cluster import ClusterPlan, Market, ModelFacts, plan_cluster
from tests.planning.made import LLAMA_8B, LLAMA_70B, architecture, train


def planned(*workloads: Workload, platform: Platform | None = None, teams: tuple[Team, ...] = ()) -> ClusterPlan:
    models = {one.name: ModelFacts(architecture(str(getattr(one, "model", "")))) for one in workloads}
    return plan_cluster(Blueprint(platform, teams, workloads), models, Market(instance_types(), shipped_prices()))


def served(name: str, model: str = LLAMA_8B, **fields: Any) -> Serve:
    return Serve(name=name, model=model, **fields)


def rules(plan: ClusterPlan) -> set[str]:
    return {finding.rule for finding in plan.findings if finding.severity == "error"}


def test_the_price_is_that_of_all_nodes() -> None:
    plan = planned(served("chat"), train(recipe="lora", tokens="10M"))
    assert plan.feasible
    assert plan.price_micro_hour == sum(group.price_micro_hour for group in plan.nodes)
    assert {name for group in plan.nodes for name in group.workloads} == {"chat", "tune"}


def test_servers_that_share_nodes_cost_no_more_than_alone() -> None:
    names = [f"s{number}" for number in range(6)]
    together = planned(*(served(name) for name in names))
    alone = sum(planned(served(name)).price_micro_hour for name in names)
    assert together.feasible
    assert together.price_micro_hour <= alone
    assert together.sharing_bound is not None
    assert together.sharing_bound <= together.price_micro_hour


def test_servers_of_every_size_together_never_cost_more_than_apart() -> None:
    random = Random(2)
    for _ in range(6):
        kinds = [(random.choice([LLAMA_8B, "Qwen/Qwen3-30B-A3B", LLAMA_70B]), random.choice(["1/s", "6/s", "20/s"])) for _ in range(3)]
        lengths = {"prompt": random.choice([500, 2500]), "output": random.choice([50, 400])}
        servers = [served(f"s{number}", model, traffic={"rate": rate} | lengths) for number, (model, rate) in enumerate(kinds)]
        together, apart = planned(*servers), [planned(one) for one in servers]
        assert together.price_micro_hour <= sum(plan.price_micro_hour for plan in apart)
        assert together.sharing_bound is not None
        assert together.sharing_bound <= together.price_micro_hour * (1 + 1e-6)


def test_a_server_beside_one_that_is_refused_costs_what_it_costs_alone() -> None:
    asked = served("a", "Qwen/Qwen3-30B-A3B", traffic={"rate": "20/s", "prompt": 2500, "output": 50})
    beside = planned(asked, served("b", LLAMA_70B, gpu="8GB"))
    assert beside.price_micro_hour == planned(asked).price_micro_hour


def test_never_on_spot_wins_over_only() -> None:
    plan = planned(train(recipe="lora", tokens="10M", spot="only"), platform=Platform(name="p", spot="never"))
    assert [group.offer.purchase for group in plan.nodes] == ["on-demand"]


def test_counts_that_no_layout_takes_are_refused_and_do_not_fail() -> None:
    assert rules(planned(served("chat", "Qwen/Qwen2.5-1.5B-Instruct", gpu="H100:16"))) == {"layout-impossible"}
    assert rules(planned(served("chat", "deepseek-ai/DeepSeek-V3", gpu="H100:8", quantization="none"))) == {"does-not-fit"}


def test_a_team_that_is_fenced_off_shares_with_nobody() -> None:
    teams = (Team(name="a", isolation="strict"), Team(name="b", isolation="strict"))
    plan = planned(served("x", team="a"), served("y", team="b"), teams=teams)
    assert sorted(group.workloads for group in plan.nodes) == [("x",), ("y",)]


def test_the_limits_of_the_platform_hold_for_all_together() -> None:
    assert rules(planned(served("chat"), platform=Platform(name="p", limits={"gpu": 64, "price": "$100/h"}))) == set()
    asked = served("chat", "Qwen/Qwen3-8B", traffic={"rate": "20/s", "prompt": 1000, "output": 250})
    assert planned(asked, platform=Platform(name="p", limits={"gpu": 2})).feasible
    assert rules(planned(served("chat", LLAMA_70B, quantization="none"), platform=Platform(name="p", limits={"gpu": 1}))) == {"over-limit"}
    assert rules(planned(served("chat", LLAMA_70B), platform=Platform(name="p", limits={"price": "$0.50/h"}))) == {"over-limit"}


def test_only_instances_that_may_be_used_are_weighed() -> None:
    plan = planned(served("chat"), platform=Platform(name="p", instances=("p5",)))
    assert [group.offer.name for group in plan.nodes] == ["p5.48xlarge"]


def test_what_the_account_may_not_run_is_refused_and_what_is_not_known_is_said() -> None:
    def with_quotas(quotas: dict[str, float]) -> ClusterPlan:
        blueprint = Blueprint(None, (), (served("chat", gpu="H100:8"),))
        return plan_cluster(blueprint, {"chat": ModelFacts(architecture())}, Market(instance_types(), shipped_prices(), quotas))

    assert rules(with_quotas({"L-417A185B": 96.0})) == {"over-quota"}
    assert rules(with_quotas({"L-417A185B": 192.0})) == set()
    assert [finding.rule for finding in with_quotas({}).findings] == ["quota-needed"]


def test_a_type_that_no_usable_zone_has_is_not_weighed() -> None:
    zones = {one.name: ("us-east-1a",) for one in instance_types()} | {"g6.xlarge": ("us-east-1b",)}
    blueprint = Blueprint(Platform(name="p", zones=("us-east-1a",), instances=("g6", "g5")), (), (served("chat", gpu="L4"),))
    plan = plan_cluster(blueprint, {"chat": ModelFacts(architecture())}, Market(instance_types(), shipped_prices(), zones=zones))
    assert "g6.xlarge" not in {group.offer.name for placement in plan.placements for group in placement.weighed}


def test_own_nodes_are_given_out_once() -> None:
    nodes, _ = read_nodes("name,gpu,gpu_count,cpus,memory,usd_hour,count\nrack,L40S,1,32,256GiB,0.10,1\n", "nodes.csv")
    market = Market((*instance_types(), *nodes), shipped_prices().with_rows(listed_prices(nodes)))
    workloads = (served("a"), served("b"), Notebook(name="ana", gpu="L40S"))
    plan = plan_cluster(Blueprint(None, (), workloads), {name: ModelFacts(architecture()) for name in ("a", "b")}, market)
    assert sum(group.count for group in plan.nodes if group.offer.name == "rack") == 1
    assert plan.feasible
    alone = plan_cluster(Blueprint(Platform(name="p", instances=("nodes.csv",)), (), (*workloads[:2], served("c", LLAMA_70B))),
                         {name: ModelFacts(architecture()) for name in ("a", "b", "c")}, Market(nodes, listed_prices(nodes)))  # fmt: skip
    assert not alone.feasible


def test_of_alternatives_the_first_that_can_be_had_is_taken() -> None:
    plan = planned(served("chat", LLAMA_70B, gpu=["L4:1", "A100:80GB:2", "H200:8"], quantization="none"))
    assert [group.offer.card.name for group in plan.nodes if group.offer.card] == ["A100-80GB"]
    assert any("A100:80GB:2, since nothing" in one.taken for one in plan.placements[0].assumed)


def test_a_budget_counts_shares_of_nodes_and_names_what_it_cannot_count() -> None:
    def told(*workloads: Workload, budget: str) -> list[tuple[str, str]]:
        plan = planned(*workloads, teams=(Team(name="a", budget=budget),))
        return [(finding.rule, finding.message) for finding in plan.findings if "budget" in finding.rule]

    chat, open_end = served("chat", team="a"), train(recipe="lora", team="a")
    assert [rule for rule, _ in told(chat, budget="$10/month")] == ["over-team-budget"]
    assert told(chat, budget="$100k/month") == []
    ((rule, message),) = told(chat, open_end, budget="$100k/month")
    assert (rule, "without tune, whose length is not known" in message) == ("budget-not-checked", True)


def test_a_region_without_prices_is_refused_with_the_reason() -> None:
    plan = planned(served("chat"), platform=Platform(name="p", region="eu-west-1"))
    assert rules(plan) == {"price-unknown"}
    assert plan.nodes == ()


def test_a_device_that_is_too_small_is_refused_with_the_parts_and_what_fits() -> None:
    (finding,) = (one for one in planned(served("chat", LLAMA_8B, gpu="8GB")).findings if one.severity == "error")
    assert finding.rule == "does-not-fit"
    assert "does not fit on a device with 8GB" in finding.message
    for part in ("weights", "activations", "short for the first token of KV cache"):
        assert part in finding.evidence
    assert finding.next_step.startswith("fits: g")
    assert "quantization: awq" in finding.next_step


def test_a_card_that_nobody_rents_out_is_named_with_those_that_are() -> None:
    (finding,) = (one for one in planned(served("chat", gpu="RTX-4090")).findings if one.severity == "error")
    assert finding.rule == "no-such-device"
    assert "H100" in finding.evidence


def test_the_same_blueprint_gives_the_same_plan() -> None:
    workloads = [served(f"s{number}", model) for number, model in enumerate((LLAMA_8B, LLAMA_70B, LLAMA_8B))]
    first, second = planned(*workloads), planned(*workloads)
    assert [(group.offer.name, group.count, group.workloads) for group in first.nodes] == [
        (group.offer.name, group.count, group.workloads) for group in second.nodes]  # fmt: skip
    assert first.findings == second.findings
