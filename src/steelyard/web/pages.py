"""The two pages, Runs and Run. Thin: they place what `views` says, and each second change what has changed, nothing else."""

from __future__ import annotations

import asyncio
from html import escape
from pathlib import Path
from urllib.parse import quote

from nicegui import ui

from steelyard.errors import NotFoundError
from steelyard.web import markup
from steelyard.web.cards import StatusMark
from steelyard.web.palette import stylesheet
from steelyard.web.run_page import RunPage
from steelyard.web.stories import Stories
from steelyard.web.views import RunsRow, StatusView

EACH = 1.0
"""Seconds between two looks."""

PATIENCE = 120.0
"""Seconds that a first look at many long runs may take."""

COLUMNS = (("NAME", ""), ("WORKLOAD", ""), ("TEAM", ""), ("STATUS", ""), ("REASON", ""), ("STEP", "num"), ("LOSS", "num"),
           ("TOKENS/S", "num"), ("GOODPUT", "num"), ("COST", "num"), ("AGE", "num"))

EMPTY = "No run yet. Start one with <code>steelyard run 01-ray-training</code>; it appears here by itself."

LEGEND = ("Goodput is the share of a run's life that moved its model forward; a low one in a short run is start-up, in a long run it is "
          "worth a look. Cost is the run's share of the machine's price; - means that something is not known.")

HEAD = f"""<style>{stylesheet()}{(Path(__file__).with_name("theme.css")).read_text(encoding="utf-8")}</style>
<script>
  const themes = ["", "light", "dark"], shown = () => document.documentElement.dataset.theme || "";
  const wear = theme => {{ theme ? document.documentElement.dataset.theme = theme : delete document.documentElement.dataset.theme; }};
  wear(localStorage.getItem("steelyard-theme") || "");
  window.nextTheme = () => {{
    wear(themes[(themes.indexOf(shown()) + 1) % themes.length]);
    localStorage.setItem("steelyard-theme", shown());
  }};
  addEventListener("beforeprint", () => dispatchEvent(new Event("resize")));
</script>"""


def register(stories: Stories) -> None:
    """Make both pages known to NiceGUI."""

    async def runs_page() -> None:
        await show_runs(stories)

    async def run_page(name: str) -> None:
        await show_run(stories, name)

    ui.page("/", title="Runs · Steelyard", response_timeout=PATIENCE)(runs_page)
    ui.page("/run/{name}", title="Run · Steelyard", response_timeout=PATIENCE)(run_page)


async def show_runs(stories: Stories) -> None:
    """The Runs page."""
    _top()
    sheet = RunsSheet()

    async def look() -> None:
        sheet.show(await asyncio.to_thread(stories.rows))

    await look()
    ui.timer(EACH, look, immediate=False)


async def show_run(stories: Stories, name: str) -> None:
    """The Run page of `name`; a workload's name shows its latest run."""
    _top(name)
    try:
        view = await asyncio.to_thread(stories.view, name)
    except NotFoundError as error:
        ui.label(str(error)).classes("empty")
        return
    ui.page_title(f"{view.name} · Steelyard")
    page = RunPage(view, lambda log: stories.tail(view.name, log))

    async def look() -> None:
        try:
            page.show(await asyncio.to_thread(stories.view, view.name))
            await page.log.show(await asyncio.to_thread(stories.logs, view.name))
        except NotFoundError:
            page.status.show(StatusView("Deleted", "✕", "bad"))

    await look()
    ui.timer(EACH, look, immediate=False)


def _top(name: str | None = None) -> None:
    ui.add_head_html(HEAD)
    here = f'<span class="trail">/ <a href="/">Runs</a>{f" / {escape(name)}" if name else ""}</span>'
    brand = f'<a class="brand" href="/">{markup.LOGO}Steelyard</a>'
    theme = '<button class="theme" onclick="nextTheme()" title="Light, dark, or as the system">Theme</button>'
    ui.html(f'{brand}{here}<span class="space"></span>{theme}', sanitize=False).classes("top")


class RunsSheet:
    """The table of runs. Cells are kept from one look to the next; only their text changes."""

    def __init__(self) -> None:
        ui.html("Runs", tag="h1")
        self._count = ui.label().classes("lead")
        with ui.element("div").classes("sheet") as self._sheet, ui.element("table").classes("runs"):
            with ui.element("thead"), ui.element("tr"):
                for header, classes in COLUMNS:
                    ui.html(header, tag="th").classes(classes)
            self._body = ui.element("tbody")
        self._empty = ui.html(EMPTY, sanitize=False).classes("sheet empty")
        ui.label(LEGEND).classes("legend")
        self._lines: dict[str, RunsLine] = {}
        self._names: list[str] | None = None

    def show(self, rows: tuple[RunsRow, ...]) -> None:
        names = [row.name for row in rows]
        if names != self._names:
            self._rebuild(rows, names)
        for row in rows:
            self._lines[row.name].show(row)
        alive = sum(row.status.word in ("Starting", "Running", "Restarting", "Stopping") for row in rows)
        self._count.set_text(f"{len(rows)} on this machine, {alive} alive")

    def _rebuild(self, rows: tuple[RunsRow, ...], names: list[str]) -> None:
        self._body.clear()
        with self._body:
            self._lines = {row.name: RunsLine(row.name) for row in rows}
        self._names = names
        self._sheet.set_visibility(bool(rows))
        self._empty.set_visibility(not rows)


class RunsLine:
    """One line of the table."""

    def __init__(self, name: str) -> None:
        self._cells: list[ui.label] = []
        with ui.element("tr").props(f'data-run="{name}"'):
            with ui.element("td"):
                ui.link(name, f"/run/{quote(name)}")
            for header, classes in COLUMNS[1:]:
                with ui.element("td").classes(f"{classes} {'why' if header == 'REASON' else ''}").props(f'data-cell="{header}"'):
                    if header == "STATUS":
                        self._status = StatusMark()
                    else:
                        self._cells.append(ui.label())

    def show(self, row: RunsRow) -> None:
        self._status.show(row.status)
        texts = (row.workload, row.team, row.reason, row.step, row.loss, row.speed, row.goodput, row.cost, row.age)
        for cell, text in zip(self._cells, texts, strict=True):
            cell.set_text(text)
