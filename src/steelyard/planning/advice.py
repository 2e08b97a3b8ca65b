"""What is worth knowing of a plan that can be carried out: near misses, what it does not act on, what a team may have. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from math import ceil

from steelyard.blueprint import Blueprint, Team
from steelyard.catalog.instances import InstanceType
from steelyard.findings import Finding
from steelyard.planning.batch import BatchOption
from steelyard.planning.option import HOURS_PER_MONTH, Placement
from steelyard.planning.placements import AnyPlacement
from steelyard.planning.pooling import NodeGroup
from steelyard.planning.refusing import named
from steelyard.planning.serving import ServeOption, place_serve
from steelyard.planning.training import TrainOption
from steelyard.units import format_money

JUST_OUTSIDE = 1.25
"""By how much a cheaper offer may miss the SLO and still be worth a word."""
NOT_WEIGHED: Mapping[str, tuple[str, ...]] = {
    "Platform": ("reservations", "nodes", "devices", "monitoring", "outputs"),
    "Serve": ("engine", "max_duration", "max_price", "priority", "access"),
    "Train": ("framework", "checkpoint", "priority"),
    "Batch": ("max_duration", "max_price", "priority", "input", "prompt"),
    "Notebook": ("idle", "max_duration", "max_price", "priority"),
    "Rag": ("chunk", "search", "refresh", "documents", "embedder", "max_duration", "max_price"),
    "Team": ("lend", "share", "work", "members"),
}
"""Fields that change nothing in a plan: of those that are written, the plan says so."""


def just_outside(placement: Placement[ServeOption]) -> Finding | None:
    """An offer that would be cheaper if the SLO were a little looser: planned again so, for the whole traffic."""
    chosen = placement.chosen
    if chosen is None:
        return None
    near = [one.offer for one in placement.weighed if one.bound < chosen.preference[0] and nearly(one.best)]
    if not near:
        return None
    load = chosen.need.load
    ttft, tpot = (None if limit is None else round(limit * JUST_OUTSIDE) for limit in (load.ttft, load.tpot))
    looser = replace(chosen.need, load=replace(load, ttft=ttft, tpot=tpot))
    option = place_serve(looser, near).chosen
    if option is None or option.preference[0] >= chosen.preference[0] or option.answer is None:
        return None
    reached = f"TTFT {ceil(option.answer.ttft.likely / 1000):,} ms, TPOT {ceil(option.answer.tpot.likely / 1000)} ms"
    return Finding(rule="cheaper-just-outside", severity="note", object=placement.workload.name, next_step="a looser slo:",
                   message=f"{placement.workload.name}: {named(option)} would be cheaper, with {reached}")  # fmt: skip


def nearly(option: ServeOption) -> bool:
    """Whether one request at a time misses the SLO by little."""
    load, carried = option.need.load, option.replica.capacity
    if option.refusal is None or option.refusal.rule != "slo-missed" or carried is None:
        return False
    pairs = ((carried.at_most.ttft, load.ttft), (carried.at_most.tpot, load.tpot))
    return all(limit is None or likely <= JUST_OUTSIDE * limit for likely, limit in pairs)


def not_acted_on(blueprint: Blueprint) -> list[Finding]:
    """Fields that somebody wrote and that the plan does not act on."""
    found = []
    for document in blueprint.documents:
        written = [field for field in NOT_WEIGHED.get(document.kind, ()) if field in document.model_fields_set]
        if written:
            found.append(Finding(rule="field-not-weighed", severity="note", object=document.name, place=blueprint.place(document),
                                 message=f"{document.name}: the plan does not act on {', '.join(written)}"))  # fmt: skip
    return found


def unknown_instances(blueprint: Blueprint, instances: Sequence[InstanceType]) -> list[Finding]:
    """Families and types that a Platform names and nobody rents out."""
    platform = blueprint.platform
    if platform is None:
        return []
    known = {name for one in instances for name in (one.name, one.family)}
    strange = [name for name in platform.instances if name not in known and not name.endswith(".csv")]
    return [Finding(rule="unknown-instance", severity="warning", object=platform.name, place=blueprint.place(platform, "instances"),
                    message=f"instances: '{name}' is no family and no type of the catalogue" + did_you_mean(name, known),
                    next_step="steelyard gpus -o name") for name in strange]  # fmt: skip


def did_you_mean(name: str, known: set[str]) -> str:
    near = get_close_matches(name, sorted(known), n=1, cutoff=0.5)
    return f"; did you mean '{near[0]}'?" if near else ""


def of_teams(blueprint: Blueprint, placements: Sequence[AnyPlacement], nodes: Sequence[NodeGroup]) -> list[Finding]:
    """Teams whose workloads together are more than their quota, or cost more than their budget."""
    found = []
    for team in blueprint.teams:
        own = [one for one in placements if one.workload.team == team.name and one.chosen]
        found += [*quota_of(team, own, blueprint), *budget_of(team, own, nodes, blueprint)]
    return found


def quota_of(team: Team, placements: Sequence[AnyPlacement], blueprint: Blueprint) -> list[Finding]:
    """Devices by kind, `gpu` for all. What is beyond the quota must be borrowed, where the team may."""
    needed: dict[str, int] = {}
    for one in placements:
        if one.chosen and one.chosen.offer.card:
            for kind in ("gpu", one.chosen.offer.card.name):
                needed[kind] = needed.get(kind, 0) + one.chosen.devices
    found = []
    for kind, most in team.quota.items():
        count = sum(number for name, number in needed.items() if name == kind or name.startswith(f"{kind}-"))
        if count > most:
            message = f"team {team.name} needs {count} {kind}, and its quota is {most}"
            lent = team.borrow is not False
            found.append(Finding(rule="over-team-quota", severity="warning" if lent else "error", object=team.name,
                                 place=blueprint.place(team, "quota"), message=message + ("; the rest must be borrowed" if lent else ""),
                                 next_step=f"quota: {{{kind}: {count}}}"))  # fmt: skip
    return found


def budget_of(team: Team, placements: Sequence[AnyPlacement], nodes: Sequence[NodeGroup], blueprint: Blueprint) -> list[Finding]:
    """A month of what stays, by its share of the nodes, and each training once. What has no known price is named, and not a zero."""
    if team.budget is None:
        return []
    prices = {one.workload.name: month_of(one, nodes) for one in placements}
    unknown = [name for name, price in prices.items() if price is None]
    known = sum(price for price in prices.values() if price is not None)
    beside = f", without {', '.join(unknown)}, whose length is not known" if unknown else ""
    place, budget = blueprint.place(team, "budget"), format_money(team.budget.amount)
    if known > team.budget.amount:
        return [Finding(rule="over-team-budget", severity="warning", object=team.name, place=place,
                        message=f"team {team.name}: a month costs {format_money(round(known))}{beside}, and its budget is {budget}",
                        next_step="fewer replicas, spot for trainings, or a larger budget")]  # fmt: skip
    if unknown:
        return [Finding(rule="budget-not-checked", severity="note", object=team.name, place=place, next_step="tokens: or steps: of a Train",
                        message=f"team {team.name}: a month costs {format_money(round(known))} of {budget}{beside}")]  # fmt: skip
    return []


def month_of(placement: AnyPlacement, nodes: Sequence[NodeGroup]) -> float | None:
    """Micro-dollars of a month of what stays, or of a whole training; None where nobody knows how long it lasts."""
    option = placement.chosen
    if isinstance(option, TrainOption):
        return option.total_price.likely if option.total_price else None
    if option is None or isinstance(option, BatchOption):
        return None
    group = next(one for one in nodes if placement.workload.name in one.workloads)
    share = option.devices / (group.count * group.offer.devices) if len(group.workloads) > 1 else 1.0
    return share * group.price_micro_hour * HOURS_PER_MONTH
