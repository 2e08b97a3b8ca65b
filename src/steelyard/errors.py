"""Every error that Steelyard raises on purpose. The one `except` a caller needs is `except SteelyardError`.

    SteelyardError
    ├── BlueprintError       what a person wrote is wrong; holds every problem with its place
    ├── InfeasibleError      understood, but cannot be done: memory, devices, price, a failed preflight
    ├── NotFoundError        no run, file, model or blueprint of that name; names the nearest
    ├── MissingExtraError    a part of Steelyard that is not installed; says how to install it
    ├── StateError           the state folder or a record in it cannot be used (locked, foreign, unwritable)
    ├── RunFailedError       a run that was started ended badly; holds the cause and the next step
    └── LedgerError          charges do not add up to the node's price: never passed over
"""

from __future__ import annotations

from collections.abc import Sequence

from steelyard.findings import Finding


class SteelyardError(Exception):
    """The root. `next_step` is one line that a person can act on, or empty."""

    def __init__(self, message: str, *, next_step: str = "") -> None:
        super().__init__(message)
        self.next_step = next_step


class FindingsError(SteelyardError):
    """An error that is a list of findings; its text is theirs."""

    def __init__(self, findings: Sequence[Finding], *, next_step: str = "") -> None:
        self.findings = tuple(findings)
        super().__init__("\n\n".join(str(finding) for finding in self.findings), next_step=next_step)


class BlueprintError(FindingsError):
    """What a person wrote is wrong; `findings` holds every problem of every file with its place."""


class InfeasibleError(FindingsError):
    """The blueprint is understood but cannot be done here; `findings` say by how much and what would do."""


class NotFoundError(SteelyardError):
    """Nothing of that name exists."""


class MissingExtraError(SteelyardError):
    """A command needs an extra that is not installed."""

    def __init__(self, extra: str, purpose: str) -> None:
        super().__init__(f"{purpose} needs the extra '{extra}', which is not installed",
                         next_step=f"pip install 'steelyard[{extra}]'")
        self.extra = extra


class StateError(SteelyardError):
    """The state folder, or a record in it, cannot be used."""


class RunFailedError(SteelyardError):
    """A run was started and ended badly."""


class LedgerError(SteelyardError):
    """A sum that must be exact is not."""
