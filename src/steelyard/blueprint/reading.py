"""From files to a `Blueprint`, or to `BlueprintError` with every problem of every file.

`read` is the only function of this package that touches the disk.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from steelyard.blueprint import nodes
from steelyard.blueprint.kinds import KINDS
from steelyard.blueprint.nodes import Composer, Flaw, Mark, Node, Scalar, Source
from steelyard.blueprint.part import Document, Workload
from steelyard.blueprint.platform import Platform
from steelyard.blueprint.problems import Problem
from steelyard.blueprint.references import Written, problems_between
from steelyard.blueprint.team import Team
from steelyard.blueprint.words import nearest_field, nearest_kind
from steelyard.errors import BlueprintError
from steelyard.findings import Finding, Place

MAX_BYTES = 5_000_000
_NOT_TEXT = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Blueprint:
    """What was written, in the order in which it was written. Equal when the documents are, wherever they stand."""

    platform: Platform | None = None
    teams: tuple[Team, ...] = ()
    workloads: tuple[Workload, ...] = ()
    places: Mapping[tuple[str, str], tuple[Source, Node]] = field(default_factory=dict, compare=False, repr=False)
    """By kind and name; ask with `place` and `excerpt`."""

    def place(self, document: Document, *path: str | int) -> Place | None:
        """Where a field of `document` is written, or the nearest thing above it; None for a document made in Python."""
        found = self.places.get((document.kind, document.name))
        return found[0].place(nodes.find(found[1], path)) if found else None

    def excerpt(self, document: Document, *path: str | int) -> str:
        """The line of `place`, with carets under the field; empty for a document made in Python."""
        found = self.places.get((document.kind, document.name))
        return found[0].excerpt(nodes.find(found[1], path)) if found else ""

    def team(self, name: str | None) -> Team | None:
        return next((team for team in self.teams if team.name == name), None)

    @property
    def documents(self) -> tuple[Document, ...]:
        """Platform, teams, workloads."""
        return ((self.platform,) if self.platform else ()) + self.teams + self.workloads


def read(*paths: str | Path, known_teams: Collection[str] = ()) -> Blueprint:
    """Read files, and the `*.yaml` of folders, as one blueprint; raises BlueprintError with every problem.

    known_teams: teams that are defined elsewhere.
    """
    findings: list[Finding] = []
    written: list[Written] = []
    files = dict.fromkeys(file for path in paths for file in _files(Path(path), findings))  # each once, however often it is named
    for file in files:
        source = _load(file, findings)
        if source is not None:
            written += _documents(source, findings)
    return _blueprint(written, findings, known_teams)


def read_text(text: str, file: str = "<text>", known_teams: Collection[str] = ()) -> Blueprint:
    """Read the text of one file; `file` is what places call it."""
    findings: list[Finding] = []
    source = _checked(Source(file, text), findings)
    return _blueprint(_documents(source, findings) if source else [], findings, known_teams)


def read_bytes(content: bytes, file: str = "<text>", known_teams: Collection[str] = ()) -> Blueprint:
    """Read the bytes of one file, as `read` does."""
    findings: list[Finding] = []
    source = _decoded(content, file, findings)
    return _blueprint(_documents(source, findings) if source else [], findings, known_teams)


def _error(rule: str, file: str, message: str, next_step: str = "") -> Finding:
    return Finding(rule, "error", file, message, next_step=next_step, place=Place(file, 1, 1))


def _files(path: Path, findings: list[Finding]) -> list[Path]:
    """`path`, or the YAML files of the folder that it is."""
    try:
        if not path.is_dir():
            return [path]
    except (OSError, ValueError):  # a name that no file can have; `_load` says so
        return [path]
    files = sorted(path.glob("*.yaml"))
    if not files:
        findings.append(_error("no-such-file", str(path), f"the folder '{path}' holds no .yaml file", "steelyard init"))
    return files


def _load(path: Path, findings: list[Finding]) -> Source | None:
    name = str(path)
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            findings.append(_error("file-too-large", name, f"{size / 1e6:.1f} MB; a blueprint has at most {MAX_BYTES / 1e6:.0f} MB"))
            return None
        if not path.is_file():
            findings.append(_error("no-such-file", name, f"'{name}' is not a file"))
            return None
        content = path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = "there is no such file" if isinstance(error, FileNotFoundError) else getattr(error, "strerror", None) or str(error)
        findings.append(_error("no-such-file", name, f"'{name}' cannot be read: {reason}", "ls *.yaml"))
        return None
    return _decoded(content, name, findings)


def _decoded(content: bytes, file: str, findings: list[Finding]) -> Source | None:
    if len(content) > MAX_BYTES:
        findings.append(_error("file-too-large", file, f"{len(content) / 1e6:.1f} MB; a blueprint has at most {MAX_BYTES / 1e6:.0f} MB"))
        return None
    try:
        return _checked(Source(file, content.decode("utf-8")), findings)
    except UnicodeDecodeError as error:
        source = Source(file, content.decode("utf-8", errors="replace"))
        mark = source.mark_at(len(content[: error.start].decode("utf-8")))
        flaw = Flaw("not-utf8", mark, f"the byte 0x{content[error.start]:02X} is not UTF-8", "save the file as UTF-8")
        findings.append(_finding(source, flaw))
        return None


def _checked(source: Source, findings: list[Finding]) -> Source | None:
    """`source`, unless it holds characters that YAML text cannot, or nothing at all."""
    if source.text.startswith("\ufeff"):
        findings.append(
            _finding(source, Flaw("byte-order-mark", Mark(0, 0), "the file begins with a byte order mark", "save it as UTF-8 without BOM"))
        )
        return None
    if found := _NOT_TEXT.search(source.text):
        mark = source.mark_at(found.start())
        message = f"the character U+{ord(found[0]):04X} does not belong in a blueprint"
        findings.append(_finding(source, Flaw("control-character", mark, message, "delete it")))
        return None
    return source


def _finding(source: Source, flaw: Flaw, document: str = "") -> Finding:
    return Finding(
        flaw.rule,
        "error",
        document or source.file,
        flaw.message,
        next_step=flaw.next_step,
        place=source.place(flaw.mark),
        excerpt=source.excerpt(flaw.mark),
    )


def _documents(source: Source, findings: list[Finding]) -> list[Written]:
    """Every document of a file that has a kind and a name; what is wrong goes to `findings`."""
    composer = Composer(source)
    written, empty = [], True
    for node in composer.documents():
        empty = False
        if (one := _document(source, node, findings)) is not None:
            written.append(one)
    findings += [_finding(source, flaw) for flaw in composer.flaws]
    if empty and not composer.flaws:
        findings.append(_error("empty-file", source.file, "the file holds no document", "steelyard init 01-ray-training"))
    return written


def _document(source: Source, node: Node, findings: list[Finding]) -> Written | None:
    if not isinstance(node, nodes.Mapping):
        flaw = Flaw("not-a-mapping", node.mark, "a document is a mapping that begins with kind and name", "example: kind: Train")
        findings.append(_finding(source, flaw))
        return None
    kind = node.get("kind")
    if not isinstance(kind, Scalar) or kind.text not in KINDS:
        findings.append(_finding(source, _no_kind(node)))
        return None
    document, problems = KINDS[kind.text].check(node.plain())
    name = node.get("name")
    one = Written(kind.text, name.text if isinstance(name, Scalar) else "", source, node, document)
    findings += [placed(one, problem) for problem in problems]
    return one


def _no_kind(node: nodes.Mapping) -> Flaw:
    """What to say of a document whose kind is missing or unknown."""
    step = f"kinds: {', '.join(KINDS)}        steelyard explain"
    kind = node.get("kind")
    if kind is None:
        near = next(((mark, key) for key, (mark, _) in node.entries.items() if nearest_field(key, ("kind",)) == "kind"), None)
        if near:
            return Flaw("missing-kind", near[0], f"'{near[1][:60]}' is not a field; did you mean 'kind'?", step)
        return Flaw("missing-kind", nodes.first_key(node), "the document has no kind", step)
    if not isinstance(kind, Scalar):
        return Flaw("unknown-kind", node.entries["kind"][0], "a kind is one word", step)
    meant = nearest_kind(kind.text, KINDS)
    hint = f"; did you mean '{meant}'?" if meant else ""
    return Flaw("unknown-kind", kind.mark, f"'{kind.text[:60]}' is not a kind{hint}", step)


def placed(one: Written, problem: Problem) -> Finding:
    """A problem of a document with its place."""
    mark = nodes.find(one.node, problem.path, at_key=problem.at_key)
    return problem.finding(f"{one.kind} {one.name}".strip(), one.source.place(mark), one.source.excerpt(mark))


def _blueprint(written: list[Written], findings: list[Finding], known_teams: Collection[str]) -> Blueprint:
    findings += [placed(one, problem) for one, problem in problems_between(written, known_teams)]
    if findings:
        raise BlueprintError(_in_order(findings), next_step="steelyard explain")
    documents = [one.document for one in written if one.document is not None]
    return Blueprint(
        next((document for document in documents if isinstance(document, Platform)), None),
        tuple(document for document in documents if isinstance(document, Team)),
        tuple(document for document in documents if isinstance(document, Workload)),
        {(one.kind, one.name): (one.source, one.node) for one in written},
    )


def _in_order(findings: Iterable[Finding]) -> list[Finding]:
    """File by file as given, then by line."""
    ordered = list(findings)
    files = {finding.place.file: number for number, finding in reversed(list(enumerate(ordered))) if finding.place}
    return sorted(ordered, key=lambda finding: (files[finding.place.file], finding.place) if finding.place else (-1, Place("", 0, 0)))
