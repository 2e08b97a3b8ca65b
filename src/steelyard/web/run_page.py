"""The Run page: all of one run, each panel in its place. Thin: what it says comes from `views`."""

from __future__ import annotations

from collections.abc import Callable
from html import escape

from nicegui import ui

from steelyard.web import markup
from steelyard.web.cards import ChartCard, LogCard, StatusMark, StripCard, Tile
from steelyard.web.views import Figure, RunView


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
        self._findings.show(view.findings_words, markup.findings(view.findings))
        self._loss.show(view.loss)
        self._split.show(view.split)
        self._speed.show(view.speed)
        self._memory.show(view.memory)
        self._goodput.show(view.goodput_words, markup.bar(view.goodput) + markup.shares_table(view.goodput))
        self._life.show(view.timeline_words, markup.life(view.timeline))
        self._startup.show(view.startup_words, markup.waterfall(view.startup))

    def _show_figures(self, figures: tuple[Figure, ...]) -> None:
        slots = [str(index) for index in range(len(figures))]
        if slots != list(self._tiles):
            self._figures.clear()
            with self._figures:
                self._tiles = {slot: Tile() for slot in slots}
        for tile, figure in zip(self._tiles.values(), figures, strict=True):
            tile.show(figure)
