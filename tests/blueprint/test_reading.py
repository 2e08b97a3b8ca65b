"""Reading: every problem at once, each with file:line:column, what is wrong, the nearest right word and an example."""

from datetime import timedelta
from pathlib import Path

import pytest

from steelyard.blueprint import Platform, PriceHere, Team, Train, read, read_bytes, read_text
from steelyard.errors import BlueprintError
from steelyard.findings import Finding, Place
from tests.blueprint.written import EVERYTHING

TRAIN = "kind: Train\nname: x\nmodel: nano-gpt\n"


def findings(text: str) -> tuple[Finding, ...]:
    with pytest.raises(BlueprintError) as caught:
        read_text(text, "f.yaml")
    return caught.value.findings


def only(text: str) -> Finding:
    found = findings(text)
    assert len(found) == 1, [str(finding) for finding in found]
    return found[0]


def test_a_blueprint_with_every_kind_is_read() -> None:
    blueprint = read_text(EVERYTHING)
    assert [document.kind for document in blueprint.documents] == ["Platform", "Team", "Train", "Serve", "Rag", "Batch", "Notebook"]
    train = blueprint.workloads[0]
    assert isinstance(train, Train)
    assert train.max_price == 500_000_000
    assert train.deadline == timedelta(days=2)
    assert train.data == ("s3://acme-corpus/sft/*.jsonl",)


def test_a_slip_of_typing_looks_as_promised() -> None:
    text = "kind: Team\nname: nlp\nquota: {gpu: 16}\n# two\n# lines\nborow: true\n"
    assert str(only(text)) == (
        "f.yaml:6:1: 'borow' is not a field of Team; did you mean 'borrow'?\n"
        "    6 | borow: true\n"
        "      | ^^^^^\n"
        "example: borrow: true        all fields: steelyard explain Team"
    )


def test_a_wrong_value_is_shown_where_it_stands() -> None:
    finding = only(TRAIN + "checkpoint: {every: 15}\n")
    assert finding.place == Place("f.yaml", 4, 21)
    assert finding.excerpt.endswith("|                     ^^")
    assert "'15' is not a duration" in finding.message
    assert finding.next_step == "example: every: 15m        all fields: steelyard explain Train.checkpoint"


def test_every_problem_of_every_file_comes_at_once_in_order(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("kind: Team\nname: A\nshare: -1\n---\nkind: Job\nname: x\n")
    (tmp_path / "b.yaml").write_text(TRAIN + "team: nobody\nepochs: 1\nsteps: 2\n{a: b}: c\n")
    with pytest.raises(BlueprintError) as caught:
        read(tmp_path, tmp_path / "c.yaml")
    assert [(Path(f.place.file).name, f.place.line, f.rule) for f in caught.value.findings if f.place] == [
        ("a.yaml", 2, "wrong-value"),
        ("a.yaml", 3, "wrong-value"),
        ("a.yaml", 5, "unknown-kind"),
        ("b.yaml", 4, "unknown-team"),
        ("b.yaml", 6, "fields-conflict"),
        ("b.yaml", 7, "yaml-key"),
        ("c.yaml", 1, "no-such-file"),
    ]


@pytest.mark.parametrize(
    ("word", "kind", "meant"),
    [
        ("gpus", "Train", "gpu"), ("accelerators", "Train", "gpu"), ("num_nodes", "Train", "workers"), ("num_workers", "Train", "workers"),
        ("use_spot", "Train", "spot"), ("maxDuration", "Train", "max_duration"), ("lr", "Train", "learning_rate"),
        ("learningRate", "Train", "learning_rate"), ("learning-rate", "Train", "learning_rate"), ("GPU", "Train", "gpu"),
        ("batch_size", "Train", "batch"), ("max_steps", "Train", "steps"), ("dataset", "Train", "data"),
        ("timeout", "Train", "max_duration"),
        ("namespace", "Train", "team"), ("command", "Train", "script"), ("volumes", "Train", "storage"), ("cpus", "Train", "cpu"),
        ("max_model_len", "Serve", "context"), ("minReplicas", "Serve", "replicas"), ("instances", "Serve", "replicas"),
        ("instance_types", "Platform", "instances"), ("cloud", "Platform", "target"), ("weight", "Team", "share"),
        ("llm", "Rag", "answer"), ("embedding_model", "Rag", "embedder"), ("idle_timeout", "Notebook", "idle"),
        ("docs", "Rag", "documents"),
    ],
)  # fmt: skip
def test_words_of_other_tools_name_the_right_word(word: str, kind: str, meant: str) -> None:
    found = [finding for finding in findings(f"kind: {kind}\nname: x\n{word}: 1\n") if finding.rule == "unknown-field"]
    assert len(found) == 1
    assert f"did you mean '{meant}'?" in found[0].message
    assert found[0].next_step.startswith(f"example: {meant}: ")


@pytest.mark.parametrize(
    ("word", "meant"),
    [("train", "Train"), ("Training", "Train"), ("Deployment", "Serve"), ("RAG", "Rag"), ("Cluster", "Platform"), ("Jupyter", "Notebook")],
)
def test_kinds_of_other_tools_name_the_right_kind(word: str, meant: str) -> None:
    assert only(f"kind: {word}\nname: x\n").message == f"'{word}' is not a kind; did you mean '{meant}'?"


@pytest.mark.parametrize(
    ("text", "rule", "line", "column"),
    [
        ("", "empty-file", 1, 1),
        ("# only a comment\n", "empty-file", 1, 1),
        ("---\n---\n", "empty-file", 1, 1),
        ("kind: Team\n\tname: x\n", "yaml-tab", 2, 1),
        ("\ufeffkind: Team\nname: x\n", "byte-order-mark", 1, 1),
        ("kind: Team\nname: x\x00\n", "control-character", 2, 8),
        ("kind: Team\nname: \x1b[31m\n", "control-character", 2, 7),
        ("kind: Team\nname: 'x\n", "yaml-syntax", 3, 1),
        (TRAIN + "data: &here x\n", "yaml-anchor", 4, 7),
        (TRAIN + "data: *here\n", "yaml-anchor", 4, 7),
        (TRAIN + "<<: {team: x}\n", "yaml-anchor", 4, 1),
        (TRAIN + "data: !!binary aGk=\n", "yaml-tag", 4, 7),
        (TRAIN + "model: other\n", "duplicate-key", 4, 1),
        (TRAIN + "data:\n", "no-value", 4, 1),
        (TRAIN + "data: ~\n", "no-value", 4, 1),
        (TRAIN + "{a: b}: c\n", "yaml-key", 4, 1),
        (TRAIN + "data: " + "[" * 30 + "]" * 30, "nested-too-deep", 4, 26),
        ("- kind: Team\n", "not-a-mapping", 1, 1),
        ("Team\n", "not-a-mapping", 1, 1),
        ("name: x\n", "missing-kind", 1, 1),
        ("type: Train\nname: x\n", "missing-kind", 1, 1),
        ("kind: [Train]\nname: x\n", "unknown-kind", 1, 1),
        ("kind: Team\n", "missing-field", 1, 1),
        (TRAIN + "---\nkind: Notebook\nname: x\n", "duplicate-name", 6, 7),
        (TRAIN + "team: nlp\n", "unknown-team", 4, 7),
        ("kind: Rag\nname: x\ndocuments: a\nanswer: chat\n", "unknown-workload", 4, 9),
        ("kind: Platform\nname: a\n---\nkind: Platform\nname: b\n", "two-platforms", 4, 7),
        ("kind: Platform\nname: a\nstorage: {homes: {efs: 1TB}}\n---\n" + TRAIN + "storage: {/home: hoems}\n", "unknown-storage", 8, 18),
    ],
)
def test_each_kind_of_flaw_has_its_place(text: str, rule: str, line: int, column: int) -> None:
    finding = next((finding for finding in findings(text) if finding.rule == rule), None)
    assert finding is not None
    assert finding.place == Place("f.yaml", line, column)


def test_a_name_must_fit_into_host_names() -> None:
    assert "for example my-team" in only("kind: Team\nname: My Team\n").message
    assert "at most 40 characters, this one has 41" in only(f"kind: Team\nname: {'a' * 41}\n").message


def test_a_misspelled_field_is_not_told_as_missing_too() -> None:
    assert only("kind: Batch\nname: x\ninput: a\nmodl: b\n").rule == "unknown-field"
    assert only("kind: Train\nname: x\nmodl: b\n").rule == "unknown-field"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ("model: a\nscript: b\n", "'model' and 'script' exclude each other"),
        ("model: a\nepochs: 1\ntokens: 1B\n", "'epochs' and 'tokens' exclude each other"),
        ("epochs: 1\n", "one of 'model', 'script', 'data' is needed"),
        ("model: a\nrecipe: custom\n", "recipe: custom runs your own script, and there is none"),
        ("script: a\nrecipe: lora\n", "recipe: lora is Steelyard's own training, and script: brings yours"),
        ("data: a\nrecipe: full\n", "recipe: full goes on from a model, and there is none"),
    ],
)
def test_fields_that_contradict_each_other_are_told(fields: str, words: str) -> None:
    assert words in only(f"kind: Train\nname: x\n{fields}").message


@pytest.mark.parametrize(
    "field", ["epochs: -1", "steps: -5", "batch: 0", "max_price: -$5", "max_duration: -3h", "memory: -1GB", "seed: -1"]
)
def test_negative_values_are_refused(field: str) -> None:
    assert only(TRAIN + field + "\n").rule == "wrong-value"


@pytest.mark.parametrize("word", ["yes", "on", "True", "1", "y"])
def test_only_true_and_false_are_true_and_false(word: str) -> None:
    assert f"'{word}' is not true or false" in only(f"kind: Team\nname: x\nborrow: {word}\n").message


def test_texts_stay_as_they_are_written() -> None:
    train = read_text(TRAIN + "env: {A: yes, B: 012, C: 1:30, D: 1e3, E: 'null', F: '', G: 2020-01-01, H: 0x1f, I: .inf}\n").workloads[0]
    assert train.env == {
        "A": "yes", "B": "012", "C": "1:30", "D": "1e3", "E": "null", "F": "", "G": "2020-01-01", "H": "0x1f", "I": ".inf"
    }  # fmt: skip


def test_invalid_utf8_is_shown_at_its_byte() -> None:
    with pytest.raises(BlueprintError) as caught:
        read_bytes("kind: Team\nname: é".encode() + b"\xff\n", "f.yaml")
    assert [(f.rule, f.place) for f in caught.value.findings] == [("not-utf8", Place("f.yaml", 2, 8))]


def test_a_large_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    large = tmp_path / "large.yaml"
    with large.open("wb") as file:
        file.truncate(6_000_000_000)  # sparse: reading it would need 6 GB
    with pytest.raises(BlueprintError) as caught:
        read(large)
    assert caught.value.findings[0].rule == "file-too-large"


@pytest.mark.parametrize("name", ["absent.yaml", "nul\x00.yaml", "n" * 5000])
def test_a_file_that_cannot_be_read_is_a_finding(name: str) -> None:
    with pytest.raises(BlueprintError) as caught:
        read(name)
    assert [(f.rule, f.place) for f in caught.value.findings] == [("no-such-file", Place(name, 1, 1))]


def test_a_folder_is_its_yaml_files_sorted(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text("kind: Team\nname: b\n")
    (tmp_path / "a.yaml").write_text("kind: Team\nname: a\n")
    (tmp_path / "notes.txt").write_text("not yaml: [")
    assert [team.name for team in read(tmp_path).teams] == ["a", "b"]


def test_a_file_that_is_named_twice_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("kind: Team\nname: a\n")
    assert len(read(tmp_path, tmp_path / "a.yaml", str(tmp_path / "a.yaml")).teams) == 1


def test_a_team_may_be_defined_elsewhere() -> None:
    assert read_text(TRAIN + "team: nlp\n", known_teams=["nlp"]).workloads[0].team == "nlp"


def test_a_wrong_team_document_still_defines_the_team() -> None:
    assert only("kind: Team\nname: nlp\nshare: x\n---\n" + TRAIN + "team: nlp\n").rule == "wrong-value"


def test_a_long_line_is_cut_around_the_field() -> None:
    excerpt = only(TRAIN + f"env: {{{', '.join(f'VARIABLE_{n}: x' for n in range(400))}, 1x: y}}\n").excerpt
    assert max(map(len, excerpt.splitlines())) < 130
    assert "1x: y" in excerpt


def test_the_prices_of_a_platform_are_typed() -> None:
    assert read_text("kind: Platform\nname: x\nprices: {hour: $0.35}\n").platform == Platform(name="x", prices=PriceHere(hour=350_000))
    assert read_text("kind: Platform\nname: x\nprices: prices.csv\n").platform == Platform(name="x", prices="prices.csv")


def test_places_of_fields_can_be_asked() -> None:
    blueprint = read_text("kind: Team\nname: a\n---\n" + TRAIN + "checkpoint:\n  every: 5m\n", "f.yaml")
    train = blueprint.workloads[0]
    assert blueprint.place(train) == Place("f.yaml", 4, 1)
    assert blueprint.place(train, "checkpoint", "every") == Place("f.yaml", 8, 10)
    assert blueprint.place(train, "gpu") == Place("f.yaml", 4, 1)
    assert blueprint.excerpt(train, "checkpoint", "every") == "    8 |   every: 5m\n      |          ^^"
    assert blueprint.place(Team(name="made-in-python")) is None
    assert blueprint.team("a") == Team(name="a")
    assert blueprint.team("b") is None
