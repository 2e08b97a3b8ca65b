"""docs/dashboard.md explains every panel, figure and colour that a page can show."""

from pathlib import Path

from steelyard.telemetry.story import tell
from steelyard.web.palette import KINDS
from steelyard.web.series import LIMIT
from steelyard.web.teach import PANELS
from steelyard.web.views import run_view
from tests.web.written import finished

PAGE = (Path(__file__).parents[2] / "docs" / "dashboard.md").read_text()


def test_each_panel_has_a_section_in_the_order_of_the_page() -> None:
    sections = [line.removeprefix("### ") for line in PAGE.splitlines() if line.startswith("### ")]
    assert sections == [panel.title for panel in PANELS.values()]


def test_each_figure_is_named(tmp_path: Path) -> None:
    writing = finished(tmp_path)
    view = run_view(tell(writing.run.path, now=writing.t, alive=False), writing.t, None)
    assert [figure.label for figure in view.figures if f"**{figure.label}**" not in PAGE] == []


def test_each_colour_is_explained() -> None:
    table = PAGE.split("## Colours")[1].split("## Runs")[0]
    assert [kind.word for kind in KINDS if kind.word not in table] == []


def test_the_number_of_points_is_the_real_one() -> None:
    assert f"at most {LIMIT} points" in PAGE
