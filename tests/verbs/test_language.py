import json
from pathlib import Path

import pytest

from steelyard.errors import NotFoundError, StateError
from steelyard.verbs import language

TRAIN = "kind: Train\nname: x\nmodel: nano-gpt\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, beside two made-up shipped blueprints."""
    shipped, here = tmp_path / "shipped", tmp_path / "here"
    for name in ("01-first", "02-second"):
        (shipped / name / "__pycache__").mkdir(parents=True)
        (shipped / name / "train.yaml").write_text(TRAIN)
        (shipped / name / "README.md").write_text(f"# The {name}\n")
    (shipped / "no-blueprint").mkdir()
    here.mkdir()
    monkeypatch.setattr(language, "SHIPPED", shipped)
    monkeypatch.chdir(here)
    return here


def test_shipped_blueprints_are_listed_with_their_titles(folder: Path) -> None:
    assert [(one.name, one.title) for one in language.shipped()] == [("01-first", "The 01-first"), ("02-second", "The 02-second")]


def test_init_copies_a_blueprint_and_never_overwrites(folder: Path) -> None:
    target = language.init("01-first", folder)
    assert sorted(path.name for path in target.iterdir()) == ["README.md", "steelyard.schema.json", "train.yaml"]
    (target / "train.yaml").write_text("mine")
    with pytest.raises(StateError, match="nothing is overwritten"):
        language.init("01-first", folder)
    assert (target / "train.yaml").read_text() == "mine"


@pytest.mark.parametrize("name", ["01-ray-training", "02-lora-finetune", "03-own-script"])
def test_the_first_line_of_a_copied_blueprint_names_the_schema_beside_it(tmp_path: Path, name: str) -> None:
    copied = language.init(name, tmp_path)
    for file in copied.glob("*.yaml"):
        named = file.read_text().splitlines()[0].partition("$schema=")[2]
        assert json.loads((copied / named).read_text())["$schema"].startswith("https://json-schema.org/")


@pytest.mark.parametrize("name", ["01-frist", "first"])
def test_init_names_the_nearest(folder: Path, name: str) -> None:
    with pytest.raises(NotFoundError, match="did you mean '01-first'"):
        language.init(name, folder)


def test_a_path_a_folder_and_a_shipped_name_are_files(folder: Path) -> None:
    (folder / "b.yaml").write_text(TRAIN)
    (folder / "a.yaml").write_text(TRAIN)
    assert language.resolve(["b.yaml"]) == (Path("b.yaml"),)
    assert language.resolve(["."]) == (Path("a.yaml"), Path("b.yaml"))
    assert language.resolve(["02-second"]) == (language.SHIPPED / "02-second" / "train.yaml",)


def test_a_copy_here_wins_over_what_is_shipped(folder: Path) -> None:
    language.init("01-first", folder)
    assert language.resolve(["01-first"]) == (Path("01-first/train.yaml"),)


@pytest.mark.parametrize(
    ("path", "words"),
    [("trian.yaml", "did you mean 'train.yaml'"), ("02-secnd", "did you mean '02-second'"), ("zzzz", "is no file, no folder and no"),
     ("../shipped/no-blueprint", "holds no .yaml file"), ("n" * 5000, "is not the name of a file"), ("a\x00b", "is no")],
)  # fmt: skip
def test_what_is_not_there_is_told_with_the_nearest_name(folder: Path, path: str, words: str) -> None:
    (folder / "train.yaml").write_text(TRAIN)
    with pytest.raises(NotFoundError) as caught:
        language.resolve([path])
    assert words in str(caught.value)


def test_validation_counts_documents_and_notes_what_nobody_honours(folder: Path) -> None:
    (folder / "a.yaml").write_text("kind: Team\nname: nlp\nshare: 2\n---\n" + TRAIN + "team: nlp\n")
    validation = language.validate(["a.yaml"])
    assert (validation.valid, validation.runs_here) == (True, True)
    assert validation.counts == (("Team", 1), ("Train", 1))
    assert [note.message for note in validation.findings] == ["share: not enforced by any engine yet"]


def test_validation_collects_every_problem(folder: Path) -> None:
    (folder / "a.yaml").write_text(TRAIN + "gpus: 1\nlr: 1\n")
    validation = language.validate(["a.yaml"])
    assert (validation.valid, validation.runs_here, validation.counts) == (False, False, ())
    assert [finding.rule for finding in validation.findings] == ["unknown-field", "unknown-field"]


@pytest.mark.parametrize("name", [one.name for one in language.shipped()])
def test_every_shipped_blueprint_is_valid_and_asks_for_nothing_that_is_not_done(name: str) -> None:
    validation = language.validate([name])
    assert [str(finding) for finding in validation.findings] == []
    assert validation.runs_here
