"""The reference page of the blueprint language cannot drift."""

from pathlib import Path

from steelyard.blueprint.reference import reference
from tests.blueprint.written import FIELDS

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "blueprint.md"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text() == reference(), "run: make docs"


def test_every_field_is_on_the_page() -> None:
    page = reference()
    assert [path for path in FIELDS if f"| `{path.rpartition('.')[2]}` |" not in page] == []
