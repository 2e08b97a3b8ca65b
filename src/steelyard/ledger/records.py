"""The records of the ledger: how one is written as a line, and the SQL that reads lines and Parquet alike.

A record is one JSON object on one line. All have

| field | meaning |
|---|---|
| v | version of the format, 1 |
| id | of this record, unique for good (32 hex digits) |
| kind | start, beat or end |
| usage | of the usage that it is about (32 hex digits) |
| t_us | epoch microseconds: when the usage began, was seen alive, or ended |

`start` has the fields of `Holding` and `attempt`; `beat` has `used_ratio` and, as `wasted_us`, what is wasted if nothing follows;
`end` has `reason`, `used_ratio` and `wasted_us`.
Fields that this version does not know are passed over when reading and kept when compacting (column `text`).
"""

from __future__ import annotations

import glob
import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from steelyard.ledger.usage import Holding, Usage

VERSION = 1

_DEVICES = [{"kind": "VARCHAR", "count": "DOUBLE"}]
_LABELS = [{"name": "VARCHAR", "value": "VARCHAR"}]
_HOLDING = {
    "run": "VARCHAR", "workload": "VARCHAR", "team": "VARCHAR", "blueprint": "VARCHAR", "node": "VARCHAR",
    "cpus": "DOUBLE", "node_cpus": "DOUBLE", "memory_bytes": "BIGINT", "node_memory_bytes": "BIGINT",
    "devices": _DEVICES, "node_devices": _DEVICES, "price_micro_hour": "BIGINT", "price_source": "VARCHAR", "labels": _LABELS,
}  # fmt: skip
_PAIRS = {"devices": ("kind", "count"), "node_devices": ("kind", "count"), "labels": ("name", "value")}
"""Fields that are pairs in `Holding` and objects of these two keys in a record."""
_STRUCTURE = {
    "v": "INTEGER", "id": "VARCHAR", "kind": "VARCHAR", "usage": "VARCHAR", "t_us": "BIGINT", "attempt": "INTEGER", **_HOLDING,
    "reason": "VARCHAR", "used_ratio": "DOUBLE", "wasted_us": "BIGINT",
}  # fmt: skip
COLUMNS = (*_STRUCTURE, "writer", "text")
"""Of a Parquet part: the fields, the file that the record was written to, and the whole line where this version cannot read all of it."""

_USABLE = (
    "id is not null and usage is not null and t_us is not null and kind is not null and v >= 1 and "
    "(kind <> 'start' or (run is not null and node is not null and cpus is not null and node_cpus is not null "
    "and memory_bytes is not null and node_memory_bytes is not null))"
)


def line(kind: str, record: str, usage: str, t_us: int, fields: dict[str, Any]) -> bytes:
    """One record as it is written, with its newline."""
    head = {"v": VERSION, "id": record, "kind": kind, "usage": usage, "t_us": t_us}
    return json.dumps(head | fields, separators=(",", ":"), allow_nan=False).encode() + b"\n"


def holding_fields(holding: Holding) -> dict[str, Any]:
    """The fields of a `start` record."""
    fields: dict[str, Any] = {name: getattr(holding, name) for name in _HOLDING}
    for name, (first, second) in _PAIRS.items():
        fields[name] = [{first: one, second: other} for one, other in fields[name]]
    return fields


def known_ratio(ratio: float | None) -> float | None:
    """A ratio that was measured, or None: what is not a number was not measured."""
    return ratio if ratio is not None and math.isfinite(ratio) else None


# --- reading ---------------------------------------------------------------------------------------------------------


def lines_sql(files: Sequence[Path]) -> str:
    """A query for all records in JSON-lines files. A line that cannot be read gives a row of kind `unreadable`."""
    structure = quoted(json.dumps(_STRUCTURE))
    unreadable = ", ".join(f"cast(null as {_sql_type(kind)}) as {name}" if name != "kind" else "'unreadable' as kind"
                           for name, kind in _STRUCTURE.items())  # fmt: skip
    return f"""(
        with parsed as (
            select unnest(json_transform(json, {structure})), parse_filename(filename, true) as writer, cast(json as varchar) as json
            from read_ndjson_objects({_literals(files)}, ignore_errors=true, filename=true)
        )
        select {", ".join(_STRUCTURE)}, writer, case when v > {VERSION} then json end as text from parsed where {_USABLE}
        union all
        select {unreadable}, writer, json as text from parsed where not coalesce({_USABLE}, false)
    )"""  # noqa: S608  (paths and column names of our own, quoted)


def parts_sql(parts: Sequence[Path], but: Iterable[str]) -> str:
    """A query for all records in Parquet parts, but for those of the writers `but`: their own files are still there."""
    return f"""(
        select {", ".join(COLUMNS)} from read_parquet({_literals(parts)}, union_by_name=true)
        where not list_contains(cast([{", ".join(map(quoted, but))}] as varchar[]), writer)
    )"""  # noqa: S608  (as above)


def _literals(paths: Iterable[Path]) -> str:
    """Paths as an SQL list, so that no character of them means anything."""
    return "[" + ", ".join(quoted(glob.escape(str(path))) for path in paths) + "]"


def quoted(text: str) -> str:
    """Text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def _sql_type(structure: Any) -> str:
    if not isinstance(structure, list):
        return str(structure)
    fields = ", ".join(f'"{key}" {kind}' for key, kind in structure[0].items())
    return f"struct({fields})[]"


def usages_sql(sources: Sequence[str]) -> str:
    """A query that folds records into one row a usage, and the lines that nobody can read into one row without a usage."""
    holding = ", ".join(f"any_value({name}) filter (kind = 'start') as {name}" for name in _HOLDING)
    return f"""
        with records as ({" union all by name ".join(f"select * from {source}" for source in sources)}),
        folded as (
            select usage, {holding},
                min(t_us) filter (kind = 'start') as start_us,
                min(t_us) filter (kind = 'end') as ended_us,
                max(t_us) as seen_us,
                min(attempt) filter (kind = 'start') as attempt,
                min(writer) filter (kind = 'start') as writer,
                min(reason) filter (kind = 'end') as reason,
                arg_max(used_ratio, t_us) filter (used_ratio is not null) as used_ratio,
                coalesce(min(wasted_us) filter (kind = 'end'), arg_max(wasted_us, t_us) filter (kind = 'beat')) as wasted_us,
                count(*) as records
            from records where kind in ('start', 'beat', 'end', 'unreadable') group by usage
        )
        select * from folded order by start_us, usage
    """  # noqa: S608  (column names of our own)


def usage_of(row: dict[str, Any], being_written: frozenset[str]) -> Usage:
    """A folded row as a `Usage`. `being_written`: the writers that are alive."""
    ended = row["ended_us"] is not None
    alive = not ended and row["writer"] in being_written
    return Usage(
        id=row["usage"],
        holding=_holding(row),
        start_us=row["start_us"],
        end_us=max(row["start_us"], row["ended_us"] if ended else row["seen_us"]),  # a clock may have been set back
        open=alive,
        reason=(row["reason"] or "") if ended else "" if alive else "lost",
        used_ratio=row["used_ratio"],
        attempt=row["attempt"] or 1,
        wasted_us=0 if alive else row["wasted_us"] or 0,
    )


def _holding(row: dict[str, Any]) -> Holding:
    fields = {name: row[name] for name in _HOLDING}
    for name, (first, second) in _PAIRS.items():
        fields[name] = tuple((pair[first], pair[second]) for pair in row[name] or ())
    for name in ("workload", "blueprint", "price_source"):
        fields[name] = fields[name] or ""
    return Holding(**fields)
