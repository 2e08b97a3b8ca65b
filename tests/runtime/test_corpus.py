"""Reading training data: each kind of source, each form of record, and errors that name the file and the line."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from steelyard.runtime.corpus import STDLIB, DataError, Pair, find_files, pair_of, read_bytes, read_pairs


def write(path: Path, *records: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{json.dumps(record, ensure_ascii=False)}\n" for record in records), encoding="utf-8")
    return path


def names(sources: list[str], folder: Path) -> list[str]:
    return [str(path.relative_to(folder)) for path in find_files(sources, folder)]


def test_the_standard_library_is_found_without_its_tests_and_without_packages() -> None:
    files = find_files([STDLIB], Path("/nowhere"))
    assert len(files) > 300
    assert Path(json.__file__) in files
    assert all(path.suffix == ".py" for path in files)
    assert not [path for path in files if {"site-packages", "test", "tests"} & set(path.parts)]


def test_files_globs_and_folders_are_found_sorted_and_each_once(tmp_path: Path) -> None:
    for name in ("b.txt", "a.txt", "deep/er/c.txt", "deep/.hidden"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    assert names(["b.txt"], tmp_path) == ["b.txt"]
    assert names(["*.txt"], tmp_path) == ["a.txt", "b.txt"]
    assert names(["**/*.txt"], tmp_path) == ["a.txt", "b.txt", "deep/er/c.txt"]
    assert names(["deep"], tmp_path) == ["deep/er/c.txt"]
    assert names(["b.txt", "*.txt"], tmp_path) == ["b.txt", "a.txt"]
    assert find_files([str(tmp_path / "*.txt")], Path("/nowhere")) == (tmp_path / "a.txt", tmp_path / "b.txt")


def test_a_folder_whose_own_name_looks_like_a_pattern_is_no_pattern(tmp_path: Path) -> None:
    folder = tmp_path / "run [1]"
    folder.mkdir()
    (folder / "a.txt").write_text("a")
    assert names(["*.txt"], folder) == ["a.txt"]


def test_the_home_of_the_user_is_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "a.txt").write_text("a")
    assert find_files(["~/a.txt"], Path("/nowhere")) == (tmp_path / "a.txt",)


@pytest.mark.parametrize("source", ["nothing.txt", "*.nothing", "empty"])
def test_a_source_without_files_is_an_error_that_names_it(source: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "a.txt").write_text("a")
    with pytest.raises(DataError, match=f"no file matches '{source.replace('*', '[*]')}'"):
        find_files(["a.txt", source], tmp_path)


def test_what_is_elsewhere_is_an_error_that_says_what_works(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="s3://bucket/x' is not on this machine: here, data are files, globs, folders or python:stdlib"):
        find_files(["s3://bucket/x"], tmp_path)


def test_texts_are_read_as_they_are_one_after_the_other(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"one\xff")
    write(tmp_path / "b.jsonl", {"question": "q", "answer": "a"}, {"text": "t"})
    assert read_bytes([tmp_path / "a.txt", tmp_path / "b.jsonl"]) == b"one\xff\nq\na\n\nt"


def test_a_plain_text_is_one_example_without_a_question(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("text")
    assert read_pairs([tmp_path / "a.md"]) == (Pair("", "text"),)


@pytest.mark.parametrize(
    ("record", "pair"),
    [
        ({"question": "q", "answer": "a"}, Pair("q", "a")),
        ({"prompt": "q", "completion": "a"}, Pair("q", "a")),
        ({"prompt": "q", "response": "a"}, Pair("q", "a")),
        ({"instruction": "q", "output": "a", "input": "ignored"}, Pair("q", "a")),
        ({"messages": [{"content": "before"}, {"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}, Pair("q", "a")),
        ({"text": "t"}, Pair("", "t")),
        ({"content": "t"}, Pair("", "t")),
    ],
)
def test_each_form_of_record_is_read(record: dict[str, Any], pair: Pair) -> None:
    assert pair_of(record, "here") == pair


@pytest.mark.parametrize(
    "record", [{}, [], "text", None, {"question": "q"}, {"question": 1, "answer": "a"}, {"messages": ["q", "a"]}, {"messages": [{}]},
               {"messages": [{"content": None}, {"content": "a"}]}, {"text": None}],
)  # fmt: skip
def test_any_other_record_is_an_error_that_names_its_place_and_what_is_wanted(record: object) -> None:
    with pytest.raises(DataError, match=r"^x\.jsonl:7: has none of the fields question\+answer, .*messages, text, content"):
        pair_of(record, "x.jsonl:7")


def test_errors_name_the_line_also_after_empty_ones(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text('{"text": "a"}\n\n{"nothing": 1}\n')
    with pytest.raises(DataError, match=r"a\.jsonl:3: has none of the fields"):
        read_pairs([file])
    file.write_text('{"text": "a"}\n\n{"torn": \n')
    with pytest.raises(DataError, match=r"a\.jsonl:3: not JSON"):
        read_pairs([file])


def test_a_text_may_hold_other_ends_of_lines_than_the_files(tmp_path: Path) -> None:
    text = "one\u2028two\u0085three"
    assert read_pairs([write(tmp_path / "a.jsonl", {"text": text})]) == (Pair("", text),)


def test_lines_of_another_system_are_lines(tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").write_bytes(b'{"text": "a"}\r\n{"text": "b"}\r\n')
    assert [pair.answer for pair in read_pairs([tmp_path / "a.ndjson"])] == ["a", "b"]


def test_a_file_that_is_not_text_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b'{"text": "\xff"}\n')
    with pytest.raises(DataError, match=r"a\.jsonl is not UTF-8: .* at byte 10"):
        read_pairs([tmp_path / "a.jsonl"])


def test_parquet_is_read_row_by_row(tmp_path: Path) -> None:
    pq.write_table(pa.table({"question": ["q1", "q2"], "answer": ["a1", "a2"]}), tmp_path / "a.parquet")
    assert read_pairs([tmp_path / "a.parquet"]) == (Pair("q1", "a1"), Pair("q2", "a2"))


def test_parquet_that_is_none_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_text("not parquet at all")
    with pytest.raises(DataError, match=r"a\.parquet cannot be read as Parquet"):
        read_pairs([tmp_path / "a.parquet"])


def test_a_file_that_vanished_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.txt cannot be read: No such file"):
        read_bytes([tmp_path / "gone.txt"])
