"""How the figures of a run read on a terminal."""

from __future__ import annotations

import math
from datetime import UTC, datetime


def moment(t: float | None) -> str | None:
    """Epoch seconds as ISO 8601 in UTC, to the second."""
    return None if t is None else datetime.fromtimestamp(t, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def loss_text(loss: float) -> str:
    """Two decimals, more where it is small; a loss that is not a number says so, since it ends a training."""
    if not math.isfinite(loss):
        return str(loss)
    return f"{loss:.2f}" if abs(loss) >= 0.1 else f"{loss:.3g}"
