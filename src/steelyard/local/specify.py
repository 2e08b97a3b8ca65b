"""From a choice of the plan to the specification that the workers read."""

from __future__ import annotations

from pathlib import Path

from steelyard.catalog.accelerators import peak_flops
from steelyard.planning import Choice
from steelyard.planning.weighing import host_memory
from steelyard.runtime.corpus import STDLIB
from steelyard.runtime.spec import TrainSpec
from steelyard.sizing.training import DEFAULTS


def specify(choice: Choice, *, run: str, run_folder: Path, blueprint_file: Path, model_path: Path | None, address: str | None) -> TrainSpec:
    """The whole specification of run `run`. Relative paths of the blueprint start from its own folder."""
    train, layout, folder = choice.workload, choice.layout, blueprint_file.resolve().parent
    return TrainSpec(
        run=run, workload=train.name, team=train.team, blueprint=str(blueprint_file),
        recipe="custom" if train.script else train.recipe,  # type: ignore[arg-type]  # sizing has refused what does not run here
        model=train.model, model_path=str(model_path) if model_path else None,
        script=in_folder(folder, train.script.file) if train.script else None, arguments=train.script.args if train.script else (),
        data=default_data(choice), data_folder=str(folder), epochs=train.epochs, tokens=train.tokens, steps=train.steps,
        sequence=layout.sequence, batch=layout.batch, workers=layout.workers,
        cpus_per_worker=choice.cpus_per_worker, gpus_per_worker=choice.gpus_per_worker, precision=layout.precision,
        learning_rate=train.learning_rate or DEFAULTS[train.recipe].learning_rate, seed=train.seed,
        checkpoint_every=train.checkpoint.every.total_seconds(), checkpoint_keep=train.checkpoint.keep,
        max_duration=train.max_duration.total_seconds() if train.max_duration else None, max_price=train.max_price,
        price_micro_hour=choice.offer.price_micro_hour, price_source=choice.offer.price_source,
        output=in_folder(folder, train.output) if train.output else str(run_folder / "output"), address=address,
        mounts={path: in_folder(folder, source) for path, source in train.storage.items()},
        env=dict(train.env), labels=dict(train.labels),
        peak_flops=peak_flops(choice.offer.gpus[0], layout.precision) if choice.gpus_per_worker else None,
        memory_bytes=host_memory(train, layout),
        disk_bytes=layout.disk,
    )


def in_folder(folder: Path, written: str) -> str:
    """A path as a person wrote it: `~` is the user's home, a relative one starts from `folder`."""
    return str(folder / Path(written).expanduser())


def default_data(choice: Choice) -> tuple[str, ...]:
    """`pretrain` without data reads what every machine has."""
    return choice.workload.data or ((STDLIB,) if choice.workload.recipe == "pretrain" else ())
