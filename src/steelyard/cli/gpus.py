"""`gpus`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated, Any

import typer

from steelyard.catalog.instances import InstanceType
from steelyard.cli.output import Column, Format, OutputOption, next_command, show, show_data, table_lines, write
from steelyard.units import format_bytes, format_money
from steelyard.verbs import gpus as verbs

MIG_SLICES = 8
"""Memory slices of a card."""

Name = Annotated[str | None, typer.Argument(metavar="NAME", help="A GPU: H100, A100-80GB, L4.", show_default=False)]

COLUMNS = (
    Column("INSTANCE", "name"), Column("GPU", "accelerator"), Column("COUNT", "count", lambda count: f"{count:g}", right=True),
    Column("MEMORY EACH", "accelerator_memory", format_bytes, right=True), Column("CPUS", "cpus", right=True),
    Column("HOST", "memory", format_bytes, right=True), Column("HOUR", "price_micro_hour", format_money, right=True),
    Column("EACH", "price_micro_per_accelerator", format_money, right=True),
    Column("NETWORK", "network_gbit_s", lambda rate: f"{rate:g} Gbit/s", wide=True, right=True),
    Column("EFA", "efa_interfaces", wide=True, right=True), Column("NVME GB", "nvme_gb", wide=True, right=True),
    Column("NEVER CHOSEN", "never_chosen", wide=True),
)  # fmt: skip


def gpus(name: Name = None, output: OutputOption = Format.table) -> None:
    """List the instance types with accelerators by price, or show one GPU: memory, peaks, MIG, and where it is to be had.

    Prices are on demand in us-east-1; EACH is for one accelerator and hour. What no plan takes comes last (-o wide says
    why), and a price that is not known is printed -.

    Examples:
      steelyard gpus
      steelyard gpus H100
      steelyard gpus -o wide
    """
    if name is None:
        show([record(one) for one in verbs.gpus()], COLUMNS, output)
        next_command("steelyard gpus H100")
        return
    page = verbs.gpu(name)
    if output in (Format.json, Format.yaml):
        show_data(asdict(page.accelerator) | {"instances": [record(one) for one in page.instances]}, output)
    elif output in (Format.name, Format.wide):
        show([record(one) for one in page.instances], COLUMNS, output)
    else:
        write("".join(f"{line}\n" for line in page_lines(page)))


def record(one: InstanceType) -> dict[str, Any]:
    """An instance type as plain data."""
    return {
        "name": one.name, "accelerator": one.accelerator.name if one.accelerator else one.accelerator_name, "count": one.accelerator_count,
        "accelerator_memory": one.accelerator_memory, "cpus": one.cpus, "memory": one.memory, "price_micro_hour": one.price_micro_hour,
        "price_micro_per_accelerator": one.price_micro_per_accelerator, "network_gbit_s": one.network_gbit_s,
        "efa_interfaces": one.efa_interfaces, "nvme_gb": one.nvme_gb, "never_chosen": one.never_chosen or None,
        "source": one.source, "note": one.note or None,
    }


def page_lines(page: verbs.GpuPage) -> Iterator[str]:
    """One GPU for people."""
    gpu = page.accelerator
    usable = "-" if gpu.usable_gib is None else f"{gpu.usable_gib[0]:g} to {gpu.usable_gib[1]:g} GiB   ({gpu.usable_source})"
    peaks = "   ".join(f"{kind} {rate:,g}" for kind, rate in gpu.tflops.items())
    link = f"{gpu.link} {gpu.link_gb_s:g} GB/s" if gpu.link_gb_s else f"{gpu.link}, no NVLink"
    yield f"{gpu.name}   NVIDIA {gpu.architecture}"
    yield ""
    yield f"memory      {gpu.memory_mib / 1024:.1f} GiB as EC2 reports it, {gpu.bandwidth_gb_s:,g} GB/s"
    yield f"usable      {usable}"
    yield f"peak        {peaks or '-'}{'   TFLOP/s, dense' if peaks else ''}"
    yield f"link        {link}"
    yield f"source      {gpu.source}"
    if gpu.mig is None:
        yield "MIG         -"
    elif gpu.mig:
        yield ""
        yield f"MIG         {MIG_SLICES} memory slices; a profile begins only where ▏ stands"
        for profile in gpu.mig:
            places = "".join("▏" if slot in profile.starts else "·" for slot in range(MIG_SLICES))
            yield f"  {profile.name:<10}{places}   takes {profile.memory_slices}, at most {len(profile.starts)} at once"
    yield ""
    shown = [column for column in COLUMNS if not column.wide]
    yield from table_lines([record(one) for one in page.instances], shown)
