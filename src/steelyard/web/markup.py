"""Strips, tables and marks as HTML. Pure: values in, text out; every word that is not ours is escaped here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from steelyard.web.strips import Share, StartRow
from steelyard.web.timeline import Mark, Timeline
from steelyard.web.views import FindingView
from steelyard.web.words import percent

LOGO = ('<svg viewBox="0 0 32 32" width="26" height="26" aria-hidden="true"><g fill="none" stroke="currentColor" stroke-width="2" '
        'stroke-linecap="round" stroke-linejoin="round"><path d="M3 12 29 8"/><path d="M11 4v6.8"/><path d="M6 11.6v5"/>'
        '<path d="M2.5 17h7l-1.4 5h-4.2z" fill="currentColor"/><path d="M24 8.8v3.4"/><circle cx="24" cy="14.6" r="2.2"/></g></svg>')


def bar(shares: Sequence[Share]) -> str:
    """A whole cut into its parts; a part that is wide enough carries its word."""
    cells = "".join(
        f'<div class="cell kind-{share.key}" style="width:{_percent(share.share)}" '
        f'title="{escape(f"{share.word} {percent(share.share)}, {share.time}")}">{_inside(share)}</div>' for share in shares)
    words = ", ".join(f"{share.word} {percent(share.share)}" for share in shares)
    return f'<div class="bar" role="img" aria-label="{escape(words)}">{cells}</div>'


def _inside(share: Share) -> str:
    if share.share < 0.09:
        return ""
    return f"<span>{escape(share.word) if share.share >= 0.16 else ''} {percent(share.share)}</span>"


def shares_table(shares: Sequence[Share]) -> str:
    """The parts in words: swatch, name, share, time, meaning."""
    rows = "".join(
        f'<tr><td>{swatch(share.key)}{escape(share.word)}</td><td class="num">{percent(share.share)}</td><td class="num">{share.time}</td>'
        f'<td class="quiet">{escape(share.meaning)}</td></tr>' for share in shares)
    return f'<table class="words"><tbody>{rows}</tbody></table>'


def swatch(key: str) -> str:
    """A small field of a kind's colour and pattern."""
    return f'<i class="swatch kind-{key}"></i>'


def life(line: Timeline) -> str:
    """The run's life: a lane of what it did, one of checkpoints, one of restarts, over one axis."""
    spans = "".join(
        f'<div class="cell kind-{span.key}" style="left:{_percent(span.left)};width:{_percent(span.width)}" '
        f'title="{escape(span.title)}"></div>' for span in line.spans)
    ticks = "".join(f'<div class="tick" style="left:{_percent(tick.left)}"><span>{escape(tick.title)}</span></div>' for tick in line.ticks)
    return (f'<div class="life"><div class="lane"><b>what it did</b><div class="track strip">{spans}</div></div>'
            f'<div class="lane"><b>checkpoints</b><div class="track">{_marks(line.checkpoints, "▲", "checkpoint")}</div></div>'
            f'<div class="lane"><b>restarts</b><div class="track">{_marks(line.restarts, "✕", "wasted")}</div></div>'
            f'<div class="lane axis"><b></b><div class="track">{ticks}</div></div></div>{_key(line)}')


def _marks(marks: Iterable[Mark], sign: str, key: str) -> str:
    return "".join(
        f'<span class="mark" style="left:{_percent(mark.left)};color:var(--{key})" title="{escape(mark.title)}">{sign}</span>'
        for mark in marks)


LIFE_WORDS = {"start-up": "start-up", "compute": "training", "recovery": "recovery", "wasted": "lost work",
              "idle": "not running", "other": "the rest"}


def _key(line: Timeline) -> str:
    used = dict.fromkeys(span.key for span in line.spans)
    return '<div class="key">' + "".join(f"<span>{swatch(key)}{word}</span>" for key, word in LIFE_WORDS.items() if key in used) + "</div>"


def waterfall(rows: Sequence[StartRow]) -> str:
    """The start-up, one line a phase."""
    lines = "".join(
        f'<div class="lane"><b>{escape(row.word)}</b><div class="track strip thin"><div class="cell kind-{row.span.key}" '
        f'style="left:{_percent(row.span.left)};width:max({_percent(row.span.width)}, 3px)" title="{escape(row.span.title)}"></div></div>'
        f'<em class="num">{row.time}</em></div>' for row in rows)
    return f'<div class="life waterfall">{lines}</div>'


def findings(seen: Sequence[FindingView]) -> str:
    """What is worth telling: sign and severity, what, how it shows, what to do, and the rule's name."""
    return "".join(
        f'<div class="finding" style="--tone:var(--{view.tone})">'
        f'<div class="what"><span class="sign">{view.sign} {view.finding.severity}</span>{escape(view.finding.message)}</div>'
        f'{_part("seen", view.finding.evidence)}{_part("next", view.finding.next_step)}'
        f'<div class="rule">{escape(view.finding.object)} · {escape(view.finding.rule)}</div></div>' for view in seen)


def _part(name: str, text: str) -> str:
    return f'<div class="part"><b>{name}</b><span>{escape(text)}</span></div>' if text else ""


def _percent(fraction: float) -> str:
    return f"{fraction * 100:.3f}%"
