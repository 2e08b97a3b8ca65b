"""What one document says of another: teams, the Serve of a Rag, storage of the Platform, names that occur once."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from steelyard.blueprint.nodes import Mapping, Scalar, Source
from steelyard.blueprint.part import Document
from steelyard.blueprint.problems import Problem
from steelyard.blueprint.words import nearest


@dataclass(frozen=True, slots=True)
class Written:
    """A document as it stands in its file; `document` is None when something in it is wrong."""

    kind: str
    name: str
    source: Source
    node: Mapping
    document: Document | None


Between = Iterator[tuple[Written, Problem]]


def problems_between(written: Sequence[Written], known_teams: Collection[str]) -> Between:
    """Every problem that is not one document's own. Works on what is written, so a wrong document hides none."""
    yield from _same_names(written)
    yield from _more_platforms([one for one in written if one.kind == "Platform"])
    yield from _unknown_teams(written, {one.name for one in written if one.kind == "Team"} | set(known_teams))
    yield from _unknown_answers(written, {one.name for one in written if one.kind == "Serve"})
    platforms = [one for one in written if one.kind == "Platform"]
    if platforms:
        yield from _unknown_storage(written, _keys(platforms[0], "storage"))


def _same_names(written: Sequence[Written]) -> Between:
    """Workloads share one space of names, whatever their kind, since commands name them without it."""
    seen: dict[tuple[str, str], Written] = {}
    for one in written:
        space = one.kind if one.kind in ("Platform", "Team") else "workload"
        first = seen.setdefault((space, one.name), one)
        if first is not one and one.name:
            at = first.source.place(first.node.entries["name"][0])
            yield (
                one,
                Problem(
                    "duplicate-name",
                    ("name",),
                    f"'{one.name[:60]}' is the name of another {first.kind} already, at {at}",
                    "give one of them another name",
                ),
            )


def _more_platforms(platforms: Sequence[Written]) -> Between:
    for one in platforms[1:]:
        at = platforms[0].source.place(platforms[0].node.entries["kind"][0])
        yield one, Problem("two-platforms", ("kind",), f"there is a Platform already, at {at}", "keep one Platform")


def _unknown_teams(written: Sequence[Written], teams: Collection[str]) -> Between:
    for one in written:
        team = _text(one, "team")
        if team is not None and team not in teams:
            yield (
                one,
                Problem(
                    "unknown-team",
                    ("team",),
                    f"no Team is named '{team[:60]}'{_hint(team, teams)}",
                    f"add a document: kind: Team, name: {team[:40]}",
                ),
            )


def _unknown_answers(written: Sequence[Written], serves: Collection[str]) -> Between:
    for one in written:
        answer = _text(one, "answer") if one.kind == "Rag" else None
        if answer is not None and answer not in serves:
            yield (
                one,
                Problem(
                    "unknown-workload",
                    ("answer",),
                    f"no Serve is named '{answer[:60]}'{_hint(answer, serves)}",
                    f"add a document: kind: Serve, name: {answer[:40]}",
                ),
            )


def _unknown_storage(written: Sequence[Written], names: Collection[str]) -> Between:
    for one in written:
        mounts = one.node.get("storage")
        if one.kind == "Platform" or not isinstance(mounts, Mapping):
            continue
        for mount, (_, storage) in mounts.entries.items():
            if isinstance(storage, Scalar) and storage.text not in names and not _is_folder(storage.text):
                yield (
                    one,
                    Problem(
                        "unknown-storage",
                        ("storage", mount),
                        f"the Platform names no storage '{storage.text[:60]}'{_hint(storage.text, names)}",
                        f"example: storage: {{{storage.text[:40]}: {{efs: 1TB}}}} in the Platform, or a folder such as ./data",
                    ),
                )


def _is_folder(text: str) -> bool:
    return "/" in text or text.startswith((".", "~"))


def _text(one: Written, field: str) -> str | None:
    node = one.node.get(field)
    return node.text if isinstance(node, Scalar) else None


def _keys(one: Written, field: str) -> Collection[str]:
    node = one.node.get(field)
    return node.entries.keys() if isinstance(node, Mapping) else ()


def _hint(word: str, known: Collection[str]) -> str:
    meant = nearest(word, known)
    return f"; did you mean '{meant}'?" if meant else ""
