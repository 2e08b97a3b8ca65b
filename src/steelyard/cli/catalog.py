"""`catalog`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

import typer

from steelyard.aws.catalog_calls import QUOTAS
from steelyard.cli.output import Column, Format, OutputOption, next_command, say, show, show_data
from steelyard.home import home
from steelyard.units import format_money
from steelyard.verbs import catalog as verbs

SHOWN = 40
"""Changes in a table; -o wide and -o json have them all."""


class Action(StrEnum):
    """What `catalog` may do besides telling."""

    update = "update"


Do = Annotated[Action | None, typer.Argument(metavar="update", help="update: ask AWS for prices, zones and quotas.", show_default=False)]
Region = Annotated[str | None, typer.Option("--region", help="Of AWS; else the configured one, or us-east-1.", show_default=False)]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would change; keep nothing.")]

KNOWN = (
    Column("NAME", "name"), Column("REGION", "region"), Column("KNOWN", "known", right=True), Column("OF", "of", right=True),
    Column("FROM", "date"), Column("SOURCE", "source"),
)  # fmt: skip
CHANGES = (
    Column("WHAT", "what"), Column("NAME", "name"), Column("BEFORE", "before", right=True), Column("NOW", "now", right=True),
)  # fmt: skip


def catalog(do: Do = None, region: Region = None, dry_run: DryRun = False, output: OutputOption = Format.table) -> None:
    """Say what the catalogue knows and from when, or update it from AWS.

    `catalog update` asks AWS for on-demand and spot prices, the zones that offer each instance type, and the quotas of the
    account, in one region, and shows what changed. A price that is known is never replaced by nothing, and no past usage is
    priced anew. It needs the extra aws, credentials, and permissions to read (docs/prices.md).

    Examples:
      steelyard catalog
      steelyard catalog update
      steelyard catalog update --region eu-west-1 --dry-run
    """
    if do is None:
        if region or dry_run:
            raise typer.BadParameter("--region and --dry-run go with: catalog update")
        _show_known(output)
    else:
        say("asking AWS for prices, spot, zones and quotas")
        _show_update(verbs.update(home(), datetime.now(UTC), region, dry_run=dry_run), output)


def _show_known(output: Format) -> None:
    page = verbs.catalog(home())
    rows = [{"name": one.what, **{key: value for key, value in asdict(one).items() if key != "what"}} for one in page.rows]
    if output in (Format.json, Format.yaml):
        show_data({"updated": page.updated, "updated_region": page.updated_region, "file": str(page.file), "known": rows}, output)
        return
    show(rows, KNOWN, output)
    say(f"last update: {page.updated}, {page.updated_region} ({page.file})" if page.updated else "last update: never")
    next_command("steelyard catalog update")


def _show_update(update: verbs.Update, output: Format) -> None:
    rows = [_row(change) for change in update.changes]
    if output in (Format.json, Format.yaml):
        plain = [{"what": one.what, "name": one.name, "old": one.old, "new": one.new} for one in update.changes]
        problems = [{"rule": one.rule, "object": one.object, "message": one.message} for one in update.problems]
        file = str(update.file) if update.file else None
        show_data({"region": update.region, "changes": plain, "same": update.same, "stay": update.stay, "problems": problems, "file": file},
                  output)  # fmt: skip
    elif output is Format.name:
        show(rows, CHANGES, output)
    else:
        _show_changes(rows, output)
    for problem in update.problems:
        say(str(problem))
    say(_summary(update))
    next_command("steelyard catalog" if update.file else f"steelyard catalog update --region {update.region}")


def _show_changes(rows: list[dict[str, Any]], output: Format) -> None:
    shown = rows if output is Format.wide else rows[:SHOWN]
    if shown:
        show(shown, CHANGES, output)
    if len(shown) < len(rows):
        say(f"and {len(rows) - len(shown)} more: -o wide")


def _summary(update: verbs.Update) -> str:
    stay = f", {len(update.stay)} not named any more and kept ({', '.join(update.stay[:3])}{', ...' if len(update.stay) > 3 else ''})"
    kept = f"written to {update.file}" if update.file else "nothing written: a dry run"
    return f"{update.region}: {len(update.changes)} changed, {update.same} as before{stay if update.stay else ''}; {kept}"


def _row(change: verbs.Change) -> dict[str, Any]:
    name = f"{change.name} ({QUOTAS[change.name]})" if change.what == "quota" else change.name
    return {"what": change.what, "name": name, "before": _cell(change.what, change.old), "now": _cell(change.what, change.new)}


def _cell(what: str, value: verbs.Value) -> str | None:
    """A value as people read it; None is unknown."""
    if value is None:
        return None
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {figure}" for key, figure in value.items())
    if isinstance(value, tuple):
        return ",".join(value)
    return f"{format_money(int(value))}/h" if what in ("on-demand", "spot") else f"{value:g} vCPUs"
