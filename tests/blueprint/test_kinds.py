"""The classes: human text or typed values, defaults, examples that hold, and the way to YAML and back."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steelyard.blueprint import KINDS, Batch, Blueprint, Checkpoint, Platform, Rag, Script, Serve, Team, Train, read_text
from steelyard.blueprint.part import Document, Part
from steelyard.blueprint.problems import part_of
from steelyard.blueprint.writing import to_yaml
from steelyard.errors import BlueprintError
from tests.blueprint.written import EVERYTHING

LEAST: dict[str, dict[str, Any]] = {
    "Platform": {}, "Team": {}, "Train": {"data": "a"}, "Serve": {"model": "a"}, "Rag": {"documents": "a"},
    "Batch": {"model": "a", "input": "b"}, "Notebook": {},
}  # fmt: skip


def parts(owner: type[Part]) -> list[type[Part]]:
    """The classes of all parts below `owner`."""
    found = [part for field in owner.model_fields.values() if (part := part_of(field)[0]) is not None]
    return [below for part in found if issubclass(part, Part) for below in (part, *parts(part))]


PARTS = sorted({part for kind in KINDS.values() for part in parts(kind)}, key=lambda part: part.__name__)
TEAM = Team(name="nlp")


def test_text_and_typed_values_make_equal_documents() -> None:
    assert Train(name="x", model="m", checkpoint={"every": "15m"}, max_price="$500", gpu="H100:8") == Train(
        name="x", model="m", checkpoint=Checkpoint(every=timedelta(minutes=15)), max_price=500_000_000, gpu="H100:8"
    )


def test_a_wrong_document_in_python_raises_every_problem() -> None:
    fields: dict[str, Any] = {"name": "X", "gpus": 1, "epochs": 1, "steps": 2, "data": "a"}
    with pytest.raises(BlueprintError) as caught:
        Train(**fields)
    assert sorted(finding.rule for finding in caught.value.findings) == ["fields-conflict", "unknown-field", "wrong-value"]
    assert all(finding.place is None for finding in caught.value.findings)


def test_documents_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        setattr(TEAM, "name", "other")  # noqa: B010  (mypy knows too that it is frozen)


@pytest.mark.parametrize(
    ("fields", "recipe"),
    [({"script": "a.py"}, "custom"), ({"model": "m"}, "lora"), ({"data": "d"}, "pretrain"), ({"model": "nano-gpt"}, "pretrain"),
     ({"model": "m", "recipe": "full"}, "full")],
)  # fmt: skip
def test_the_recipe_is_inferred(fields: dict[str, str], recipe: str) -> None:
    train = Train(name="x", **fields)
    assert train.recipe == recipe
    assert ("recipe" in train.model_fields_set) == ("recipe" in fields)


def test_defaults_of_a_training() -> None:
    train = Train(name="x", model="nano-gpt")
    assert (train.sequence, train.batch, train.workers, train.precision) == ("auto", "auto", "auto", "auto")
    assert train.gpu.auto
    assert train.checkpoint == Checkpoint(every="15m", keep=3)
    assert (train.learning_rate, train.seed) == (None, 1)


def test_short_forms_are_the_long_ones() -> None:
    assert Train(name="x", script="train.py").script == Script(file="train.py")
    assert Team(name="x", budget="$20k/month").budget == Team(name="x", budget={"amount": "$20k/month", "warn": "80%"}).budget
    assert Rag(name="x", documents="d", search="keyword").search == Rag(name="x", documents="d", search={"kind": "keyword"}).search


def test_a_budget_warns_and_stops_by_ratio() -> None:
    budget = Team(name="x", budget={"amount": "$20k/month", "warn": "70%"}).budget
    assert budget is not None
    assert (budget.amount, budget.warn, budget.stop) == (20_000_000_000, Decimal("0.7"), Decimal(1))


@pytest.mark.parametrize(
    ("kind", "fields", "words"),
    [
        (Platform, {"storage": {"a": {"s3": "s3://a", "efs": "1TB"}}}, "'s3' and 'efs' exclude each other"),
        (Platform, {"storage": {"a": {}}}, "one of 's3', 'fsx', 'efs' is needed"),
        (Platform, {"prices": {"hr": "$1"}}, "did you mean 'hour'?"),
        (Team, {"borrow": {"gpu": "many"}}, "'many' is not a whole number"),
        (Team, {"members": ["ana"]}, "'ana' is not a member"),
        (Team, {"budget": "$20k"}, "is not an amount a month"),
        (Serve, {"model": "a", "models": {"b": {"model": "c"}}}, "'model' and 'models' exclude each other"),
        (Serve, {"models": {"b": {"model": "c"}}}, "add engine: triton"),
        (Serve, {"model": "a", "slo": {}}, "one of 'ttft', 'tpot' is needed"),
        (Serve, {"model": "a", "replicas": "6..1"}, "runs backwards"),
        (Serve, {"model": "a", "traffic": {"rate": "4"}}, "'4' is not a rate"),
        (Rag, {"documents": "d", "chunk": {"size": 50}}, "cannot overlap by 100"),
        (Batch, {"model": "a"}, "Batch needs 'input'"),
        (Train, {"model": "a", "storage": {"data": "x"}}, "'data' is not a path in the workload"),
        (Train, {"model": "a", "env": {"A-B": "x"}}, "'A-B' is not the name of an environment variable"),
        (Train, {"model": "a", "precision": "bfloat16"}, "did you mean 'bf16'?"),
        (Train, {"model": "a", "checkpoint": "15m"}, "checkpoint: '15m' stands where a mapping belongs"),
        (Train, {"model": ["a"]}, "model: a list stands where a text belongs"),
        (Train, {"model": "a\nb"}, "must be one line"),
        (Train, {"model": " "}, "an empty text says nothing"),
    ],
)
def test_what_makes_no_sense_is_refused(kind: type[Document], fields: dict[str, Any], words: str) -> None:
    with pytest.raises(BlueprintError) as caught:
        kind(name="x", **fields)
    assert words in str(caught.value)


@pytest.mark.parametrize("kind", [*KINDS.values(), *PARTS], ids=lambda kind: kind.__name__)
def test_every_field_has_a_description_and_examples(kind: type[Part]) -> None:
    for name, field in kind.model_fields.items():
        assert name == "kind" or (field.description and field.description.endswith(".")), name
        assert name == "kind" or field.examples, name


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.__name__)
def test_every_example_holds(kind: type[Document]) -> None:
    for name, field in kind.model_fields.items():
        for example in field.examples or ():
            least = {} if name in ("script", "models") else LEAST[kind.__name__]
            companion = {"engine": "triton"} if name == "models" else {"model": "m"} if (kind, name) == (Train, "recipe") else {}
            kind(**{"name": "x", **least, **companion, name: example})


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.__name__)
def test_every_example_of_a_part_holds(part: type[Part]) -> None:
    least = {name: field.examples[0] for name, field in part.model_fields.items() if field.is_required() and field.examples}
    for name, field in part.model_fields.items():
        for example in field.examples or ():
            companion = {"ttft": "1s"} if name == "percentile" else {}
            assert part.model_validate({**least, **companion, name: example}).model_fields_set >= {name}


def test_everything_reads_back_equal() -> None:
    blueprint = read_text(EVERYTHING)
    assert read_text(to_yaml(blueprint)) == blueprint


def test_only_what_was_set_is_written() -> None:
    assert to_yaml(Blueprint(workloads=(Train(name="x", model="nano-gpt", steps=200, checkpoint={"every": "90s"}),))) == (
        "kind: Train\nname: x\nmodel: nano-gpt\nsteps: 200\ncheckpoint: {every: 1m30s}\n"
    )


PROSE = st.text(st.characters(exclude_categories=("Cc", "Cs", "Cn"), exclude_characters="\ufeff"), max_size=30)
COMMON = st.fixed_dictionaries(
    {},
    optional={
        "gpu": st.one_of(
            st.sampled_from(["auto", "0", "H100:8", "24GB..", "L4:1/4", "H100:1g.10gb", "A100:80GB:4..8"]), st.integers(0, 99)
        ),
        "cpu": st.floats(1e-3, 1e6),
        "memory": st.integers(1, 10**18),
        "env": st.dictionaries(st.from_regex(r"[A-Z_][A-Z0-9_]{0,9}", fullmatch=True), PROSE, max_size=3),
        "labels": st.dictionaries(PROSE.filter(str.strip), PROSE, max_size=2),
        "max_duration": st.timedeltas(min_value=timedelta(microseconds=1), max_value=timedelta(days=9999)),
        "max_price": st.integers(0, 10**18),
        "storage": st.dictionaries(st.sampled_from(["/data", "/home"]), st.sampled_from(["./data", "/srv"])),
        "secrets": st.lists(PROSE.filter(str.strip), max_size=2),
    },
)
TRAINS = st.builds(
    lambda common, own: Train(name="x", model="m", **common, **own),
    COMMON,
    st.fixed_dictionaries(
        {},
        optional={
            "epochs": st.floats(1e-3, 1e6),
            "sequence": st.one_of(st.just("auto"), st.integers(1, 10**18)),
            "learning_rate": st.floats(1e-12, 1.0),
            "seed": st.integers(0, 10**18),
            "checkpoint": st.fixed_dictionaries({}, optional={"every": st.sampled_from(["1s", "2h"]), "keep": st.integers(1, 99)}),
        },
    ),
)
TEAMS = st.builds(
    lambda own: Team(name="nlp", **own),
    st.fixed_dictionaries(
        {},
        optional={
            "quota": st.dictionaries(st.sampled_from(["gpu", "H100", "L4"]), st.integers(0, 10**6)),
            "borrow": st.one_of(st.booleans(), st.dictionaries(st.just("gpu"), st.integers(0, 99))),
            "share": st.floats(1e-3, 1e6),
            "budget": st.builds(lambda cents: {"amount": f"${cents / 100:.2f}/month"}, st.integers(0, 10**9)),
        },
    ),
)


@given(TEAMS, TRAINS)
def test_any_document_made_in_python_reads_back_equal_from_yaml(team: Team, train: Train) -> None:
    blueprint = Blueprint(teams=(team,), workloads=(train,))
    assert read_text(to_yaml(blueprint)) == blueprint
