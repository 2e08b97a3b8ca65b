"""Reading training data: text for a model from nothing, and question-answer records for fine-tuning.

Sources: files, globs, folders, JSON lines, Parquet, and `python:stdlib` (the source text of Python's standard
library, which every machine has).
"""

from __future__ import annotations

import glob
import json
import sysconfig
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

STDLIB = "python:stdlib"
RECORD_SUFFIXES = (".jsonl", ".ndjson", ".parquet")
TEXT_FIELDS = ("text", "content")
PAIR_FIELDS = (("question", "answer"), ("prompt", "completion"), ("prompt", "response"), ("instruction", "output"))


class DataError(Exception):
    """Data that cannot be used; the text says which and why."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One example of a fine-tuning: what is asked, and what should be answered. An empty prompt means plain text."""

    prompt: str
    answer: str


def find_files(sources: Sequence[str], folder: Path) -> tuple[Path, ...]:
    """The files that `sources` name, sorted, each once; relative ones start from `folder`. A source without files is an error."""
    found: list[Path] = []
    for source in sources:
        files = sorted(stdlib_files() if source == STDLIB else matching_files(source, folder))
        if not files:
            raise DataError(f"no file matches '{source}' (looked in {folder})")
        found.extend(files)
    return tuple(dict.fromkeys(found))


def stdlib_files() -> list[Path]:
    """The standard library's own modules, without its tests and without installed packages."""
    root = Path(sysconfig.get_paths()["stdlib"])
    skipped = {"site-packages", "dist-packages", "test", "tests", "__pycache__", "idlelib", "lib2to3"}
    return [path for path in root.rglob("*.py") if not skipped.intersection(path.relative_to(root).parts)]


def matching_files(source: str, folder: Path) -> list[Path]:
    if "://" in source:
        raise DataError(f"'{source}' is not on this machine: here, data are files, globs, folders or {STDLIB}")
    written = Path(source).expanduser()
    path = folder / written
    if path.is_dir():
        return [inner for inner in path.rglob("*") if inner.is_file() and not inner.name.startswith(".")]
    if path.is_file():
        return [path]
    pattern = written if written.is_absolute() else Path(glob.escape(str(folder))) / written
    return [Path(name) for name in glob.glob(str(pattern), recursive=True) if Path(name).is_file()]  # noqa: PTH207 - it may be absolute


def read_bytes(files: Sequence[Path]) -> bytes:
    """All text one after the other, as the bytes that a byte-level model reads."""
    return b"\n".join(text_of(file) for file in files)


def text_of(file: Path) -> bytes:
    if file.suffix in RECORD_SUFFIXES:
        return "\n\n".join(f"{pair.prompt}\n{pair.answer}".strip() for pair in read_pairs([file])).encode()
    try:
        return file.read_bytes()
    except OSError as error:
        raise DataError(f"{file} cannot be read: {error.strerror}") from error


def read_pairs(files: Sequence[Path]) -> tuple[Pair, ...]:
    """All examples of JSON lines and Parquet files; any other file is one text."""
    return tuple(pair for file in files for pair in pairs_of(file))


def pairs_of(file: Path) -> Iterator[Pair]:
    if file.suffix not in RECORD_SUFFIXES:
        yield Pair("", text_of(file).decode(errors="replace"))
        return
    records = enumerate(parquet_rows(file), start=1) if file.suffix == ".parquet" else json_lines(file)
    for number, record in records:
        yield pair_of(record, f"{file}:{number}")


def parquet_rows(file: Path) -> Iterator[Any]:
    import pyarrow.parquet  # noqa: PLC0415 - comes with Ray; only Parquet needs it

    try:
        for batch in pyarrow.parquet.ParquetFile(file).iter_batches():
            yield from batch.to_pylist()
    except (OSError, pyarrow.ArrowException) as error:
        raise DataError(f"{file} cannot be read as Parquet: {str(error).splitlines()[0]}") from error


def json_lines(file: Path) -> Iterator[tuple[int, Any]]:
    """Each record with the number of its line; empty lines are passed over."""
    for number, line in enumerate(lines_of(file), start=1):
        if line.strip():
            try:
                yield number, json.loads(line)
            except ValueError as error:
                raise DataError(f"{file}:{number}: not JSON: {error}") from error


def lines_of(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8").split("\n")  # not splitlines: a text in JSON may hold other ends of lines
    except UnicodeDecodeError as error:
        raise DataError(f"{file} is not UTF-8: {error.reason} at byte {error.start}") from error


def pair_of(record: Any, where: str) -> Pair:
    """The two texts of a record: a pair of fields, a chat (`messages`), or one text."""
    if isinstance(record, dict):
        for prompt, answer in PAIR_FIELDS:
            if isinstance(record.get(prompt), str) and isinstance(record.get(answer), str):
                return Pair(record[prompt], record[answer])
        messages = record.get("messages")
        if isinstance(messages, list) and len(messages) >= 2:
            said = [message.get("content") if isinstance(message, dict) else None for message in messages[-2:]]
            if isinstance(said[0], str) and isinstance(said[1], str):
                return Pair(said[0], said[1])
        for name in TEXT_FIELDS:
            if isinstance(record.get(name), str):
                return Pair("", record[name])
    wanted = ", ".join("+".join(pair) for pair in PAIR_FIELDS)
    raise DataError(f"{where}: has none of the fields {wanted}, messages, {', '.join(TEXT_FIELDS)}")
