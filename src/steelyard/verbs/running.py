"""`run`: read, size, plan, and start the trainings of a blueprint on this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from steelyard.blueprint import NANO_GPT, Blueprint, Train, read
from steelyard.blueprint.honours import runs_here, unenforced
from steelyard.catalog.models import CARDS, ModelCard, card_of_folder
from steelyard.engine import Step
from steelyard.errors import InfeasibleError, NotFoundError, StateError
from steelyard.findings import Finding
from steelyard.home import Home
from steelyard.local.engine import Driver, LocalEngine
from steelyard.local.machine import price_of, this_machine
from steelyard.local.models import find_model
from steelyard.local.store import RunStore
from steelyard.planning import Plan, weigh
from steelyard.sizing import size
from steelyard.verbs.language import resolve


@dataclass(frozen=True, slots=True)
class Prepared:
    """A plan that can be carried out, and the engine that will."""

    plan: Plan
    engine: LocalEngine


def prepare(files: Sequence[str], home: Home, *, address: str | None, here: bool, tell: Callable[[str], None]) -> Prepared:
    """From files to a plan for this machine. Raises BlueprintError, or InfeasibleError with every reason why not."""
    paths = resolve(files)
    blueprint = read(*paths)
    refuse_foreign(blueprint, here)
    refuse_missing_scripts(blueprint)
    trainings = [workload for workload in blueprint.workloads if isinstance(workload, Train)]
    sources = {one.name: Path(place.file) for one in trainings if (place := blueprint.place(one))}
    refuse([finding for one in trainings for finding in size(one, CARDS.get(one.model or ""), blueprint.place(one)).findings])
    models = {one.name: find_model(one.model, sources[one.name].resolve().parent, home, tell)
              for one in trainings if one.model and one.model != NANO_GPT}
    needs = [size(one, card_of(one, models), blueprint.place(one)) for one in trainings]
    plan = weigh(blueprint, needs, this_machine(price_of(blueprint)))
    refuse(plan.findings)
    return Prepared(plan, LocalEngine(home, address=address, files=sources, models=models))


def refuse(findings: Sequence[Finding]) -> None:
    """Raise InfeasibleError with the errors among `findings`, if there are any."""
    if errors := [finding for finding in findings if finding.severity == "error"]:
        raise InfeasibleError(errors)


def refuse_missing_scripts(blueprint: Blueprint) -> None:
    """A script that is not there is refused before anything is started."""
    refuse([
        Finding(rule="no-such-script", severity="error", object=one.name, place=place, message=f"no such file: {script}",
                next_step="correct `script:`; relative paths start from the blueprint's folder")
        for one in blueprint.workloads
        if isinstance(one, Train) and one.script and (place := blueprint.place(one, "script"))
        and not (script := Path(place.file).resolve().parent / Path(one.script.file).expanduser()).is_file()
    ])


def card_of(workload: Train, models: dict[str, Path]) -> ModelCard | None:
    """The catalogue's card, else the one of the model's own folder."""
    if workload.name not in models:
        return None
    return CARDS.get(workload.model or "") or card_of_folder(models[workload.name])


def refuse_foreign(blueprint: Blueprint, here: bool) -> None:
    """What is meant for a cluster, or of a kind that does not run here, is refused; so is a file without anything to run."""
    platform = blueprint.platform
    findings: list[Finding] = []
    if platform is not None and platform.target != "here" and not here:
        findings.append(Finding(
            rule="meant-for-a-cluster", severity="error", object=platform.name, place=blueprint.place(platform, "target"),
            message=f"this blueprint is for target: {platform.target}", next_step="--here runs it on this machine all the same",
        ))
    findings.extend(
        Finding(rule="kind-does-not-run-here", severity="error", object=workload.name, place=blueprint.place(workload),
                message=f"a {workload.kind} does not run here yet", next_step="steelyard run 01-ray-training")
        for workload in blueprint.workloads if not runs_here(workload.kind)
    )
    if not blueprint.workloads:
        findings.append(Finding(rule="nothing-to-run", severity="error", object="blueprint", message="this blueprint holds no workload",
                                next_step="steelyard explain Train"))
    refuse(findings)


def notes(plan: Plan) -> tuple[Finding, ...]:
    """What a person should know before it starts: warnings, and fields that nothing enforces here yet."""
    ignored = [note for document in plan.blueprint.documents for note in unenforced(document, "here", plan.blueprint)]
    return tuple(finding for finding in plan.findings if finding.severity != "error") + tuple(ignored)


def start(prepared: Prepared) -> Iterator[Driver]:
    """Start the trainings one after the other: the next one when the caller asks for it. Raises what a start ended in."""
    engine = prepared.engine
    steps = engine.steps(prepared.plan, engine.observe())
    for outcome in engine.carry_out(steps):
        if outcome.error:
            raise outcome.error
        yield engine.drivers[-1]


def resume(name: str, home: Home) -> Driver:
    """Go on with a run that was stopped, lost or failed, from its last checkpoint."""
    run = RunStore(home).find(name)
    story = run.story()
    if story.status == "Done":
        raise StateError(f"{run.name} is done: there is nothing to resume", next_step=f"steelyard describe {run.name}")
    engine = LocalEngine(home)
    for outcome in engine.carry_out((Step("resume", run.name),)):
        if outcome.error:
            raise outcome.error
        return engine.drivers[-1]
    raise NotFoundError(f"no run named '{name}'")
