"""A plan as plain data: what `-o json` prints of it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from steelyard.planning import Choice
from steelyard.planning.batch import BatchOption
from steelyard.planning.cluster import ClusterPlan
from steelyard.planning.placements import AnyOption, AnyPlacement
from steelyard.planning.plain import PlainOption
from steelyard.planning.serving import ServeOption
from steelyard.planning.training import TrainOption
from steelyard.sizing.need import Figure


def plan_record(plan: ClusterPlan) -> dict[str, Any]:
    """Bytes, microseconds and micro-dollars; what is not known is null."""
    return {
        "region": plan.region, "feasible": plan.feasible, "price_micro_hour": plan.price_micro_hour, "sharing_bound": plan.sharing_bound,
        "workloads": [placement_record(one) for one in plan.placements],
        "nodes": [{"instance": one.offer.name, "purchase": one.offer.purchase, "count": one.count, "count_at_peak": one.count_at_peak,
                   "price_micro_hour": one.price_micro_hour, "workloads": list(one.workloads)} for one in plan.nodes],
        "findings": [asdict(one) | {"place": str(one.place) if one.place else None} for one in plan.findings],
    }  # fmt: skip


def choice_record(choice: Choice) -> dict[str, Any]:
    """A training on this machine; memory is of one worker."""
    layout = choice.layout
    return {
        "name": choice.workload.name, "device": layout.device, "workers": layout.workers, "cpus_per_worker": choice.cpus_per_worker,
        "precision": layout.precision, "batch": layout.batch, "sequence": layout.sequence, "memory": figures(layout.memory),
        "memory_known": layout.memory_known, "disk": layout.disk, "price_micro_hour": choice.offer.price_micro_hour,
        "price_source": choice.offer.price_source,
    }


def placement_record(placement: AnyPlacement) -> dict[str, Any]:
    chosen = placement.chosen
    return {
        "name": placement.workload.name, "kind": placement.workload.kind, "team": placement.workload.team,
        "chosen": option_record(chosen) if chosen else None,
        "others": [option_record(one.best) for one in placement.others],
        "assumed": [asdict(one) for one in placement.assumed],
    }


def option_record(option: AnyOption) -> dict[str, Any]:
    offer = option.offer
    record: dict[str, Any] = {
        "instance": offer.name, "purchase": offer.purchase, "region": offer.region, "gpu": offer.card.name if offer.card else None,
        "gpus_per_node": offer.devices, "price_of_node_micro_hour": offer.price_micro_hour,
        "price_source": offer.price.source if offer.price else None, "price_date": offer.price.date if offer.price else None,
        "refusal": asdict(option.refusal) if option.refusal else None,
    }
    if option.refusal is None:
        record |= {"nodes": option.nodes, "gpus": option.devices, "price_micro_hour": option.price_micro_hour}
    if isinstance(option, PlainOption):
        return record | {"workers": option.need.workers, "cpus": option.need.cpus, "memory": option.need.memory}
    if isinstance(option, BatchOption):
        return record | batch_record(option)
    return record | (serve_record(option) if isinstance(option, ServeOption) else train_record(option))


def serve_record(option: ServeOption) -> dict[str, Any]:
    replica, memory = option.replica, option.replica.memory
    record: dict[str, Any] = {
        "tensor_parallel": replica.tensor, "pipeline_parallel": replica.pipeline, "quantization": replica.quantization,
        "memory": figures(dict(memory.parts) | {"kv_pool": memory.pool}) if memory else None,
        "device_memory": memory.device_memory if memory else None,
    }
    if option.refusal is None and replica.capacity and option.answer:
        record |= {
            "replicas": option.replicas, "replicas_at_peak": option.replicas_at_peak, "requests_held": asdict(replica.held),
            "requests_at_once": replica.capacity.most, "limited_by": replica.capacity.limit,
            "requests_per_second": dict(zip(("low", "likely", "high"), option.carries, strict=True)),
            "ttft": asdict(option.answer.ttft), "tpot": asdict(option.answer.tpot), "in_flight": option.answer.in_flight,
            "speed_validated": replica.validated,
            "loading": {name: asdict(figure) if figure else None for name, figure in option.loading.items()},
        }
    return record


def batch_record(option: BatchOption) -> dict[str, Any]:
    replica, memory = option.replica, option.replica.memory
    record: dict[str, Any] = {
        "tensor_parallel": replica.tensor, "pipeline_parallel": replica.pipeline, "quantization": replica.quantization,
        "memory": figures(dict(memory.parts) | {"kv_pool": memory.pool}) if memory else None,
        "device_memory": memory.device_memory if memory else None,
    }
    if option.refusal is None and option.price_of_thousand:
        record |= {"replicas": option.replicas, "in_flight": option.in_flight, "rows_per_second": list(option.rows_per_second),
                   "price_of_thousand_rows": asdict(option.price_of_thousand)}  # fmt: skip
    return record


def train_record(option: TrainOption) -> dict[str, Any]:
    fitting = option.fitting
    return {
        "layout": asdict(fitting.layout), "memory": figures(fitting.memory) if not fitting.impossible else None,
        "device_memory": fitting.device_memory, "step": asdict(fitting.step) if option.refusal is None and fitting.step else None,
        "duration": asdict(option.duration) if option.refusal is None and option.duration else None,
        "total_price": asdict(option.total_price) if option.refusal is None and option.total_price else None,
    }


def figures(parts: Any) -> dict[str, Any]:
    return {name: asdict(figure) if isinstance(figure, Figure) else figure for name, figure in parts.items()}
