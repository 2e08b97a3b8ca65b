"""Nodes of one's own, from a CSV file: what stands on the premises, as instance types that are had in one place only. Pure."""

from __future__ import annotations

import re

from steelyard.catalog.accelerators import Accelerator, accelerators, kinds_called
from steelyard.catalog.instances import MIB, ON_PREMISES, InstanceType
from steelyard.catalog.prices import parse_usd
from steelyard.catalog.rows import BadRowError, Row, Sheet, read_rows
from steelyard.findings import Finding
from steelyard.units import parse_bytes, wrong

COLUMNS = ("name", "gpu", "gpu_count", "cpus", "memory", "usd_hour", "network_gbit_s", "count")
NEEDED = ("name", "cpus", "memory")
EXAMPLE = "name,gpu,gpu_count,cpus,memory,usd_hour,network_gbit_s,count / rack-a,H100,8,192,2TiB,31.50,400,4"
NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
"""What Kubernetes takes as the value of a label."""
WHOLE = re.compile(r"[0-9]{1,9}")
DECIMAL = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,6})?")


def read_nodes(text: str, file: str) -> tuple[tuple[InstanceType, ...], tuple[Finding, ...]]:
    """The kinds of nodes that a CSV file lists (docs/prices.md), and a finding with its place for each row that cannot be used.

    Never raises.
    """
    sheet = read_rows(text, file, columns=COLUMNS, needed=NEEDED, rule="node-list-invalid", example=EXAMPLE)
    nodes: dict[str, InstanceType] = {}
    for row in sheet.rows:
        try:
            one = _node(sheet, row)
            if one.name in nodes:
                raise sheet.wrong(row, "name", f"{one.name} stands twice")
        except BadRowError:
            continue
        nodes[one.name] = one
    return tuple(nodes.values()), tuple(sheet.findings)


def _node(sheet: Sheet, row: Row) -> InstanceType:
    for column in NEEDED:
        if not row.text(column):
            raise sheet.wrong(row, column, "it is blank")
    name = sheet.take(row, "name", _name, default="")
    gpu = sheet.take(row, "gpu", _gpu, default=None)
    count = sheet.take(row, "gpu_count", _whole, default=None if gpu else 0)
    if count is None:
        raise sheet.wrong(row, "gpu_count", f"how many {row.text('gpu')} has a node?")
    if count and gpu is None:
        raise sheet.wrong(row, "gpu", f"which GPU? {_kinds()}")
    if gpu and not count:
        raise sheet.wrong(row, "gpu_count", "0: leave the column gpu blank where there is none")
    return InstanceType(
        name=name, family=ON_PREMISES,
        cpus=sheet.take(row, "cpus", _one_or_more, default=None), memory=sheet.take(row, "memory", _memory, default=None),
        accelerator_name=gpu.ec2_names[0] if gpu else "", accelerator=gpu, accelerator_count=count,
        accelerator_memory=gpu.memory_mib * MIB if gpu else None, network_gbit_s=sheet.take(row, "network_gbit_s", _rate, default=None),
        efa_interfaces=0, nvme_gb=0, price_micro_hour=sheet.take(row, "usd_hour", parse_usd, default=None), source=row.source, note="",
        region=ON_PREMISES, nodes=sheet.take(row, "count", _one_or_more, default=1),
    )  # fmt: skip


def _name(written: str) -> str:
    if not NAME.fullmatch(written):
        raise wrong(written, "a name of letters, digits, dots and dashes, 63 at most", "rack-a")
    return written


def _gpu(written: str) -> Accelerator | None:
    if written.lower() in ("none", "-"):
        return None
    found = kinds_called(written)
    if not found:
        raise ValueError(f"'{written[:40]}' is not a GPU of the catalogue; {_kinds()}")
    if len(found) > 1:
        raise ValueError(f"'{written}' may be {' or '.join(one.name for one in found)}; say which")
    return found[0]


def _kinds() -> str:
    return "known are " + ", ".join(one.name for one in accelerators())


def _whole(written: str) -> int:
    if not WHOLE.fullmatch(written):
        raise wrong(written, "a whole number", "8")
    return int(written)


def _one_or_more(written: str) -> int:
    if not WHOLE.fullmatch(written) or not int(written):
        raise wrong(written, "a whole number from 1 on", "4")
    return int(written)


def _memory(written: str) -> int:
    """A number without a unit is refused: nobody knows which was meant."""
    if WHOLE.fullmatch(written):
        raise wrong(written, "a size with its unit", "512GiB")
    size = parse_bytes(written)
    if not size:
        raise wrong(written, "a size", "512GiB")
    return size


def _rate(written: str) -> float:
    if not DECIMAL.fullmatch(written) or not float(written):
        raise wrong(written, "a rate in Gbit/s", "400; blank where it is not known")
    return float(written)
