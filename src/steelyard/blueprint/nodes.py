"""YAML text as nodes that know where they stand. Scalars stay text: the fields decide what a text means.

libyaml gives events (its parser needs no recursion, so no nesting can exhaust the stack); what a blueprint does not use
(anchors, aliases, merge keys, tags, duplicate keys, empty values) becomes a flaw with its place, and reading goes on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeAlias

import yaml

from steelyard.findings import Place

MAX_DEPTH = 20
_LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_EXCERPT_WIDTH = 110
_NULLS = ("", "~", "null", "Null", "NULL")


@dataclass(frozen=True, slots=True)
class Mark:
    """A stretch of one line; `line` and `column` count from 0. `length` is at least 1."""

    line: int
    column: int
    length: int = 1


@dataclass(frozen=True)
class Source:
    """The text of one file."""

    file: str
    text: str

    @cached_property
    def lines(self) -> list[str]:
        return _LINE_BREAK.split(self.text)

    def place(self, mark: Mark) -> Place:
        return Place(self.file, mark.line + 1, mark.column + 1)

    def excerpt(self, mark: Mark) -> str:
        """The line of `mark` with carets under it; of a long line, the part around it."""
        line = self.lines[mark.line] if mark.line < len(self.lines) else ""
        start = max(0, mark.column - _EXCERPT_WIDTH // 2) if len(line) > _EXCERPT_WIDTH else 0
        cut = line[start : start + _EXCERPT_WIDTH]
        shown = "".join(character if character.isprintable() else " " for character in cut).rstrip()
        head = f"{mark.line + 1:>5} | "
        carets = "^" * max(1, min(mark.length, len(shown) - (mark.column - start)))
        return f"{head}{shown}\n{' ' * (len(head) - 2)}| {' ' * (mark.column - start)}{carets}"

    def mark_at(self, index: int) -> Mark:
        """Where the character at `index` stands."""
        before = _LINE_BREAK.split(self.text[:index])
        return Mark(len(before) - 1, len(before[-1]))


@dataclass(frozen=True, slots=True)
class Scalar:
    mark: Mark
    text: str

    def plain(self) -> Any:
        return self.text


@dataclass(frozen=True, slots=True)
class Items:
    mark: Mark
    items: tuple[Node, ...]

    def plain(self) -> Any:
        return [item.plain() for item in self.items]


@dataclass(frozen=True, slots=True)
class Mapping:
    """Keys in order, each with its own mark and its value."""

    mark: Mark
    entries: dict[str, tuple[Mark, Node]] = field(default_factory=dict)

    def plain(self) -> dict[str, Any]:
        return {key: value.plain() for key, (_, value) in self.entries.items()}

    def get(self, key: str) -> Node | None:
        return self.entries[key][1] if key in self.entries else None


Node: TypeAlias = Scalar | Items | Mapping


def find(node: Node, path: tuple[str | int, ...], *, at_key: bool = False) -> Mark:
    """The mark of the value at `path` (of its key with `at_key`), or of the nearest thing above that is written."""
    mark = first_key(node)
    for step in path:
        if isinstance(node, Mapping) and step in node.entries:
            key, node = node.entries[str(step)]
            mark = key if at_key or isinstance(node, Mapping) else node.mark
        elif isinstance(node, Items) and isinstance(step, int) and step < len(node.items):
            node = node.items[step]
            mark = node.mark
    return mark


def first_key(node: Node) -> Mark:
    """Where a document begins for a reader: its first key."""
    return next((key for key, _ in node.entries.values()), node.mark) if isinstance(node, Mapping) else node.mark


@dataclass(frozen=True, slots=True)
class Flaw:
    """Something in the YAML itself."""

    rule: str
    mark: Mark
    message: str
    next_step: str = ""


class StopReadingError(Exception):
    """The rest of the file cannot be understood; holds the last flaw."""

    def __init__(self, flaw: Flaw) -> None:
        super().__init__(flaw.message)
        self.flaw = flaw


class Composer:
    """Reads the documents of one text; `flaws` grows while it does."""

    def __init__(self, source: Source) -> None:
        self._loader = yaml.CSafeLoader(source.text)
        self._source = source
        self.flaws: list[Flaw] = []

    def documents(self) -> Iterator[Node]:
        """Every document that is not empty, in order; after a syntax error, none."""
        try:
            while not self._loader.check_event(yaml.StreamEndEvent):
                if self._loader.check_event(yaml.DocumentStartEvent, yaml.DocumentEndEvent, yaml.StreamStartEvent):
                    self._loader.get_event()
                else:
                    node = self._node(self._loader.get_event(), 1)
                    if node is not None:
                        yield node
        except yaml.MarkedYAMLError as error:
            self.flaws.append(_syntax(self._source, error))
        except StopReadingError as stop:
            self.flaws.append(stop.flaw)
        finally:
            self._loader.dispose()

    def _node(self, event: Any, depth: int) -> Node | None:
        """The node that begins with `event`; None for an alias or a value that is not there."""
        mark = _mark(event)
        if isinstance(event, yaml.AliasEvent):
            self._flaw("yaml-anchor", mark, f"'*{event.anchor}' is an alias, which blueprints do not use", "write the value out")
            return None
        if event.anchor:
            self._flaw(
                "yaml-anchor", mark, f"'&{event.anchor}' is an anchor, which blueprints do not use", "write the value out where it is used"
            )
        if event.tag and event.tag != "!":
            self._flaw("yaml-tag", mark, f"'{event.tag[:60]}' is a tag, which blueprints do not use", "leave the tag out")
        if depth > MAX_DEPTH:
            raise StopReadingError(Flaw("nested-too-deep", mark, f"nested more than {MAX_DEPTH} deep; no field needs more than 4"))
        if isinstance(event, yaml.ScalarEvent):
            return None if event.implicit[0] and event.style in (None, "") and event.value in _NULLS else Scalar(mark, event.value)
        return self._items(mark, depth) if isinstance(event, yaml.SequenceStartEvent) else self._mapping(mark, depth)

    def _items(self, mark: Mark, depth: int) -> Items:
        items = []
        while not isinstance(event := self._loader.get_event(), yaml.SequenceEndEvent):
            node = self._node(event, depth + 1)
            if node is not None:
                items.append(node)
            elif not isinstance(event, yaml.AliasEvent):
                self._flaw("no-value", _mark(event), "an item of the list has no value", 'write a value, or "" for an empty text')
        return Items(mark, tuple(items))

    def _mapping(self, mark: Mark, depth: int) -> Mapping:
        entries: dict[str, tuple[Mark, Node]] = {}
        while not isinstance(event := self._loader.get_event(), yaml.MappingEndEvent):
            key = self._node(event, depth + 1)
            following = self._loader.get_event()
            value = self._node(following, depth + 1)
            if isinstance(key, Scalar) and self._new_key(key, entries):
                if value is not None:
                    entries[key.text] = (key.mark, value)
                elif not isinstance(following, yaml.AliasEvent):
                    self._flaw("no-value", key.mark, f"'{key.text[:60]}' has no value", "write a value, or leave the line out")
            elif not isinstance(key, Scalar) and not isinstance(event, yaml.AliasEvent):
                self._flaw("yaml-key", _mark(event), "a field's name must be a plain word", "example: name: chat")
        return Mapping(mark, entries)

    def _new_key(self, key: Scalar, entries: dict[str, tuple[Mark, Node]]) -> bool:
        if key.text == "<<":
            self._flaw("yaml-anchor", key.mark, "'<<' merges mappings, which blueprints do not use", "write the fields out")
            return False
        if key.text in entries:
            first = entries[key.text][0].line + 1
            self._flaw("duplicate-key", key.mark, f"'{key.text[:60]}' is written twice; the first is on line {first}", "keep one of them")
            return False
        return True

    def _flaw(self, rule: str, mark: Mark, message: str, next_step: str = "") -> None:
        self.flaws.append(Flaw(rule, mark, message, next_step))


def _mark(event: Any) -> Mark:
    start, end = event.start_mark, event.end_mark
    return Mark(start.line, start.column, max(1, end.column - start.column) if start.line == end.line else 1)


def _syntax(source: Source, error: yaml.MarkedYAMLError) -> Flaw:
    """A syntax error in a person's words."""
    where = error.problem_mark or error.context_mark
    mark = Mark(where.line, where.column) if where else Mark(0, 0)
    line = source.lines[mark.line] if mark.line < len(source.lines) else ""
    indent = re.match(r"[ \t]*", line)
    if indent and "\t" in indent[0]:
        return Flaw(
            "yaml-tab", Mark(mark.line, indent[0].index("\t")), "a tab stands in the indentation; YAML takes spaces only", "use two spaces"
        )
    problem = (error.problem or "it cannot be read").rstrip(".")
    context = f" {error.context}" if error.context else ""
    return Flaw("yaml-syntax", mark, f"this is not YAML: {problem}{context}", "a text with ': ' or '#' in it needs quotes")
