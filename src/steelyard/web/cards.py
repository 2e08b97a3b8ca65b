"""What the pages are made of: a status, a figure, and panels. Each `show` changes what is different from the last time, nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from html import escape

from nicegui import ui

from steelyard.web.teach import PANELS
from steelyard.web.views import Figure, Picture, StatusView


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


class Tile:
    """A figure that stands by itself."""

    def __init__(self) -> None:
        with ui.element("div").classes("figure") as self._tile:
            self._label = ui.label().classes("label")
            self._value = ui.label().classes("value")
            with ui.element("div").classes("gauge") as self._gauge:
                self._level = ui.element("div")
            self._note = ui.label().classes("note")
        self._share: float | None = -1.0

    def show(self, figure: Figure) -> None:
        self._label.set_text(figure.label)
        if self._tile.props.get("title") != figure.look:
            self._tile.props["title"] = figure.look
            self._tile.update()
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
        text = await asyncio.to_thread(self._read, self._chosen) if self._chosen else ""
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
