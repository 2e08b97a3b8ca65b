"""A colour and a pattern mean the same everywhere, on a screen and on paper."""

from itertools import pairwise

import pytest

from steelyard.telemetry.events import STEP_PARTS
from steelyard.telemetry.goodput import LOSSES
from steelyard.web.palette import BY_KEY, KINDS, STEP_KINDS, SURFACES, decal, kind, stylesheet


def luminance(color: str) -> float:
    channels = [int(color[index:index + 2], 16) / 255 for index in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: str, b: str) -> float:
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_each_part_of_a_step_and_each_loss_has_a_kind_of_its_own() -> None:
    assert {part.key for part in STEP_KINDS} == set(STEP_PARTS)
    assert [kind(loss).key for loss in LOSSES] == list(LOSSES)
    assert kind("something new") is BY_KEY["other"]


def test_neighbours_in_a_stack_differ_by_pattern_so_that_grey_paper_can_be_read() -> None:
    assert len({part.pattern for part in STEP_KINDS}) == len(STEP_KINDS)
    assert len({str(decal(part)) for part in STEP_KINDS}) == len(STEP_KINDS)
    assert all(a.pattern != b.pattern for a, b in pairwise(KINDS))


@pytest.mark.parametrize("theme", [0, 1])
def test_text_stands_out_from_what_is_behind_it(theme: int) -> None:
    for ink in ("ink", "ink-2", "ink-3", "good", "busy", "care", "bad"):
        for ground in ("panel", "page"):
            assert contrast(SURFACES[ink][theme], SURFACES[ground][theme]) >= 4.5, (ink, ground)


@pytest.mark.parametrize("theme", [0, 1])
def test_a_kind_can_be_told_from_the_panel_and_colours_are_all_different(theme: int) -> None:
    colors = [(part.light, part.dark)[theme] for part in KINDS]
    assert len(set(colors)) == len(colors)
    assert all(contrast(color, SURFACES["panel"][theme]) >= 1.5 for color in colors)


def test_both_themes_define_every_colour_and_print_is_light() -> None:
    sheet = stylesheet()
    for name in [*SURFACES, *BY_KEY]:
        assert sheet.count(f"--{name}:") == 3, name  # light, dark by the system, dark by choice
    assert "@media print" not in sheet
    assert sheet.count("@media screen") == 2
