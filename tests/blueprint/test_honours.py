"""No field is accepted and ignored: the table of who honours what is complete."""

import pytest

from steelyard.blueprint import KINDS, Platform, Serve, Team, Train, read_text
from steelyard.blueprint.honours import ENGINES, HONOURS, PARTLY, honoured_by, honoured_nowhere, runs, runs_here, unenforced
from steelyard.findings import Place
from tests.blueprint.written import EVERYTHING


@pytest.mark.parametrize("kind", KINDS)
def test_the_table_names_every_field_and_no_other(kind: str) -> None:
    assert set(HONOURS[kind]) == set(KINDS[kind].model_fields)


def test_the_table_names_every_kind_and_real_engines() -> None:
    assert list(HONOURS) == list(KINDS)
    assert {engine for row in HONOURS.values() for engines in row.values() for engine in engines} <= set(ENGINES)


def test_only_what_is_honoured_can_be_honoured_partly() -> None:
    assert all(engine in HONOURS[kind][field] for kind, field, engine in PARTLY)


def test_only_trainings_run_here() -> None:
    assert [kind for kind in KINDS if runs_here(kind)] == ["Train"]
    assert not any(runs(kind, "kubernetes") for kind in KINDS)


def test_what_is_set_and_not_honoured_is_told_with_its_place() -> None:
    blueprint = read_text("kind: Train\nname: x\nmodel: m\nsteps: 5\nspot: never\ndeadline: 2h\n", "f.yaml")
    notes = unenforced(blueprint.workloads[0], "here", blueprint)
    assert [(note.message, note.place) for note in notes] == [
        ("spot: not enforced here yet", Place("f.yaml", 5, 7)),
        ("deadline: not enforced here yet", Place("f.yaml", 6, 11)),
    ]
    assert {(note.rule, note.severity) for note in notes} == {("not-enforced-yet", "note")}


def test_a_training_of_what_is_honoured_gives_no_note() -> None:
    train = Train(
        name="x", model="nano-gpt", data="python:stdlib", recipe="pretrain", steps=9, sequence=128, batch=8, framework="ray", gpu=0,
        workers=2,
        precision="bf16", checkpoint={"every": "1m"}, max_duration="1h", max_price="$1", output="out", cpu=2, memory="2GB", env={"A": "b"},
        storage={"/data": "./data"}, labels={"a": "b"}, learning_rate=1e-3, seed=3,
    )  # fmt: skip
    assert unenforced(train, "here") == ()
    assert unenforced(Team(name="x"), "here") == ()
    assert unenforced(Platform(name="x", target="here", prices={"hour": "$1"}), "here") == ()


@pytest.mark.parametrize(
    ("field", "value"),
    [("framework", "torchrun"), ("gpu", "H100:8"), ("precision", "fp8"), ("recipe", "qlora"), ("storage", {"/data": "datasets"})],
)
def test_a_value_that_is_not_honoured_is_told(field: str, value: object) -> None:
    notes = unenforced(Train(**{"name": "x", "model": "m", field: value}), "here")
    assert [note.message.partition(":")[0] for note in notes] == [field]
    assert "not enforced here yet for this value; " in notes[0].message


def test_a_kind_that_does_not_run_is_told_once() -> None:
    notes = unenforced(Serve(name="x", model="m", replicas="1..6", access="team"), "here")
    assert [note.message for note in notes] == ["a Serve does not run here yet"]


def test_what_no_engine_honours_is_noted() -> None:
    blueprint = read_text(EVERYTHING)
    notes = [note.message for document in blueprint.documents for note in honoured_nowhere(document, blueprint)]
    assert "quota: not enforced by any engine yet" in notes
    assert "a Rag is not run by any engine yet" in notes
    assert not any(note.startswith(("name:", "epochs:", "max_price:")) for note in notes)


def test_reservations_are_named() -> None:
    assert honoured_by("Train", "framework") == ("here (only ray)",)
    assert honoured_by("Train", "spot") == ()
