"""HTML: whatever a run, a log or a cause says is text, never markup."""

from pathlib import Path

from steelyard.findings import Finding
from steelyard.telemetry.story import tell
from steelyard.web import markup
from steelyard.web.strips import Share, goodput_shares, start_rows
from steelyard.web.timeline import Mark, Timeline, timeline
from steelyard.web.views import FindingView
from tests.web.written import finished

EVIL = '<img src=x onerror="steal()">'


def test_words_of_others_are_escaped() -> None:
    finding = Finding("some-rule", "warning", EVIL, EVIL, EVIL, EVIL)
    line = Timeline((), (), (Mark(0.5, EVIL),), ())
    share = Share("other", EVIL, 1.0, "1 s", EVIL)
    found = markup.findings([FindingView("▲", "care", finding)])
    for html in (found, markup.life(line), markup.bar([share]), markup.shares_table([share])):
        assert "<img" not in html
        assert 'onerror="' not in html
        assert "&lt;img" in html


def test_a_finding_shows_evidence_and_next_step_only_when_there_are_any() -> None:
    bare = markup.findings([FindingView("●", "busy", Finding("some-rule", "note", "x", "something"))])
    assert "something" in bare
    assert "<b>next</b>" not in bare
    full = markup.findings([FindingView("●", "busy", Finding("some-rule", "note", "x", "something", "seen so", "do that"))])
    assert "<b>seen</b><span>seen so</span>" in full
    assert "<b>next</b><span>do that</span>" in full


def test_a_bar_says_in_words_what_it_shows(tmp_path: Path) -> None:
    writing = finished(tmp_path)
    story = tell(writing.run.path, now=writing.t, alive=False)
    shares = goodput_shares(story)
    bar = markup.bar(shares)
    assert f'aria-label="productive {round(shares[0].share * 100)}%, start-up' in bar
    assert bar.count('class="cell') == len(shares)
    life = markup.life(timeline(story, writing.t))
    assert life.count("▲") == 5
    assert markup.waterfall(start_rows(story)).count("class=\"lane\"") == 7
