"""The two pages, Runs and Run. Thin: they place what `views` says, and each second change what has changed, nothing else."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from pathlib import Path
from urllib.parse import quote

from nicegui import run, ui

from steelyard.errors import NotFoundError
from steelyard.web import markup
from steelyard.web.palette import stylesheet
from steelyard.web.stories import Stories
from steelyard.web.teach import PANELS
from steelyard.web.views import Figure, Picture, RunsRow, RunView, StatusView

EACH = 1.0
"""Seconds between two looks."""

PATIENCE = 120.0
"""Seconds that a first look at many long runs may take."""

COLUMNS = (("NAME", ""), ("WORKLOAD", ""), ("TEAM", ""), ("STATUS", ""), ("REASON", ""), ("STEP", "num"), ("LOSS", "num"),
           ("TOKENS/S", "num"), ("GOODPUT", "num"), ("COST", "num"), ("AGE", "num"))

HEAD = f"""<style>{stylesheet()}{(Path(__file__).with_name("theme.css")).read_text(encoding="utf-8")}</style>
<script>
  const themes = ["", "light", "dark"], names = {{"": "as the system", light: "light", dark: "dark"}};
  const shown = () => document.documentElement.dataset.theme || "";
  const wear = t => {{ t ? document.documentElement.dataset.theme = t : delete document.documentElement.dataset.theme; }};
  wear(localStorage.getItem("steelyard-theme") || "");
  window.nextTheme = button => {{
    const next = themes[(themes.indexOf(shown()) + 1) % themes.length];
    wear(next); localStorage.setItem("steelyard-theme", next); button.textContent = "Theme: " + names[next];
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
        sheet.show(await run.io_bound(stories.rows))

    await look()
    ui.timer(EACH, look, immediate=False)


async def show_run(stories: Stories, name: str) -> None:
    """The Run page of `name`; a workload's name shows its latest run."""
    _top(name)
    try:
        view = await run.io_bound(stories.view, name)
    except NotFoundError as error:
        ui.label(str(error)).classes("empty")
        return
    ui.page_title(f"{view.name} · Steelyard")
    page = RunPage(view, lambda log: stories.tail(view.name, log))

    async def look() -> None:
        try:
            page.show(await run.io_bound(stories.view, view.name))
            await page.log.show(await run.io_bound(stories.logs, view.name))
        except NotFoundError:
            page.status.show(StatusView("Deleted", "✕", "bad"))

    await look()
    ui.timer(EACH, look, immediate=False)


def _top(name: str | None = None) -> None:
    ui.add_head_html(HEAD)
    here = f'<span class="trail">/ <a href="/">Runs</a>{f" / {escape(name)}" if name else ""}</span>'
    ui.html(f'<a class="brand" href="/">{markup.LOGO}Steelyard</a>{here}<span class="space"></span>'
            '<button onclick="nextTheme(this)" aria-label="Change the theme">Theme</button>', sanitize=False).classes("top")


class StatusMark:
    """A status as sign and word; its tone is a colour variable."""

    def __init__(self, classes: str = "") -> None:
        self._label = ui.label().classes(f"status {classes}")
        self._tone = ""

    def show(self, status: StatusView) -> None:
        self._label.set_text(f"{status.sign} {status.word}")
        if status.tone != self._tone:
            self._tone = status.tone
            self._label.style(f"--tone: var(--{status.tone})")


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
        self._empty = ui.html("No run yet. Start one with <code>steelyard run 01-ray-training</code>; it appears here by itself.").classes("sheet empty")
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


class RunPage:
    """All of one run. Built once from a first view; `show` changes what a later view changes."""

    def __init__(self, view: RunView, read: Callable[[str], str]) -> None:
        self.name = view.name
        with ui.element("div").classes("title"):
            ui.html(escape(view.name), tag="h1", sanitize=False)
            self.status = StatusMark("pill")
            self._reason = ui.label().classes("reason")
        self._facts = ui.label().classes("lead")
        with ui.element("div").classes("figures") as self._figures:
            self._tiles: dict[str, Tile] = {}
        with ui.element("div").classes("grid"):
            self._findings = StripCard("findings", wide=True)
            self._loss, self._split = ChartCard(view.loss), ChartCard(view.split)
            self._goodput = StripCard("goodput", wide=True)
            self._speed, self._memory = ChartCard(view.speed), ChartCard(view.memory)
            self._life = StripCard("timeline", wide=True)
            self._startup = StripCard("startup")
            self.log = LogCard(read)
        self.show(view)

    def show(self, view: RunView) -> None:
        self.status.show(view.status)
        self._reason.set_text(view.reason)
        self._facts.set_text(view.facts)
        self._show_figures(view.figures)
        self._findings.show(f"{len(view.findings)} to look at." if view.findings else "Nothing wrong was found.", markup.findings(view.findings))
        for card, picture in ((self._loss, view.loss), (self._split, view.split), (self._speed, view.speed), (self._memory, view.memory)):
            card.show(picture)
        self._goodput.show(view.goodput_words, markup.bar(view.goodput) + markup.shares_table(view.goodput))
        self._life.show(view.timeline.words, markup.life(view.timeline))
        self._startup.show(view.startup_words, markup.waterfall(view.startup))

    def _show_figures(self, figures: tuple[Figure, ...]) -> None:
        slots = [str(index) for index in range(len(figures))]
        if slots != list(self._tiles):
            self._figures.clear()
            with self._figures:
                self._tiles = {slot: Tile() for slot in slots}
        for tile, figure in zip(self._tiles.values(), figures, strict=True):
            tile.show(figure)


class Tile:
    """A figure that stands by itself."""

    def __init__(self) -> None:
        with ui.element("div").classes("figure"):
            self._label = ui.label().classes("label")
            self._value = ui.label().classes("value")
            with ui.element("div").classes("gauge") as self._gauge:
                self._level = ui.element("div")
            self._note = ui.label().classes("note")
        self._share: float | None = -1.0

    def show(self, figure: Figure) -> None:
        self._label.set_text(figure.label)
        self._value.set_text(figure.value)
        self._note.set_text(figure.note)
        if figure.share != self._share:
            self._share = figure.share
            self._gauge.set_visibility(figure.share is not None)
            self._level.style(f"width: {(figure.share or 0) * 100:.1f}%")


class Card:
    """A panel: title, unit, what it says in words, its picture, and what to look at."""

    def __init__(self, key: str, *, wide: bool = False) -> None:
        panel = PANELS[key]
        with ui.element("section").classes("card wide" if wide else "card").props(f'data-panel="{key}"'):
            with ui.element("div").classes("head"):
                ui.html(panel.title, tag="h2")
                ui.label(panel.unit).classes("unit")
            self.said = ui.label().classes("said")
            self.content = ui.element("div")
            ui.label(panel.teaches).classes("teach")


class ChartCard(Card):
    """A panel with a chart; the chart is drawn again only when its points changed."""

    def __init__(self, picture: Picture) -> None:
        super().__init__(picture.panel.key)
        self._option = picture.option
        with self.content:
            self._chart = ui.echart(dict(picture.option or {}), renderer="svg").classes("chart")
        self._chart.set_visibility(picture.option is not None)

    def show(self, picture: Picture) -> None:
        self.said.set_text(picture.words)
        if picture.option is None or picture.option == self._option:
            return
        self._option = picture.option
        self._chart.options.clear()
        self._chart.options.update(picture.option)
        self._chart.update()
        self._chart.set_visibility(True)


class StripCard(Card):
    """A panel whose picture is HTML."""

    def __init__(self, key: str, *, wide: bool = False) -> None:
        super().__init__(key, wide=wide)
        with self.content:
            self._html = ui.html("", sanitize=False)

    def show(self, words: str, content: str) -> None:
        self.said.set_text(words)
        self._html.set_content(content)


class LogCard(Card):
    """The tail of one of the run's logs, chosen by a row of buttons."""

    def __init__(self, read: Callable[[str], str]) -> None:
        super().__init__("log")
        self._read = read
        self._names: tuple[str, ...] | None = None
        self._chosen = ""
        with self.content:
            self._tabs = ui.element("div").classes("tabs")
            with ui.element("div").classes("log").props("tabindex=0"):
                self._text = ui.html("", tag="pre", sanitize=False)

    async def show(self, names: tuple[str, ...]) -> None:
        if names != self._names:
            self._names = names
            self._chosen = self._chosen if self._chosen in names else next(iter(names), "")
            self._show_tabs()
        text = await run.io_bound(self._read, self._chosen) if self._chosen else ""
        self.said.set_text(f"{self._chosen}.log" if self._chosen else "No log yet.")
        self._text.set_content(escape(text))

    def _show_tabs(self) -> None:
        self._tabs.clear()
        with self._tabs:
            for name in self._names or ():
                button = ui.element("button").classes("on" if name == self._chosen else "")
                with button:
                    ui.label(name)
                button.on("click", lambda _event, name=name: self._choose(name))

    async def _choose(self, name: str) -> None:
        self._chosen = name
        self._show_tabs()
        await self.show(self._names or ())
