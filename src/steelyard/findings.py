"""What Steelyard tells a person: a `Finding`, and the `Place` in a file that it is about.

Every stage that judges something returns findings instead of raising, so that a person sees all problems at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where something was written. `line` and `column` count from 1, as editors do."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something worth telling: the object, the evidence, the rule, the next step.

    `rule` is a stable kebab-case name; each is explained in docs/findings.md (a test holds that).
    `excerpt` is the line of the file with a caret line under it, ready to print, or empty.
    """

    rule: str
    severity: Severity
    object: str
    message: str
    evidence: str = ""
    next_step: str = ""
    place: Place | None = None
    excerpt: str = ""

    def __str__(self) -> str:
        head = f"{self.place}: {self.message}" if self.place else self.message
        return "\n".join(part for part in (head, self.excerpt, self.evidence, self.next_step) if part)
