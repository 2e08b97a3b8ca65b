"""What runs have cost so far, as `steelyard cost` says it: the same ledger, the same sums. Thin: reads the ledger."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from steelyard.errors import SteelyardError
from steelyard.home import Home
from steelyard.verbs.cost import cost

SHORTEST = 3.0
"""Seconds for which the sums are good; longer for a long ledger, so that reading it takes a twentieth of a core at most."""


class Costs:
    """Micro-dollars by run; a run that is not in it, or has no price, is unknown."""

    def __init__(self, home: Home, clock: Callable[[], float] = time.time) -> None:
        self._home = home
        self._clock = clock
        self._known: dict[str, int | None] = {}
        self._due = 0.0
        self._lock = threading.Lock()

    def of(self, run: str) -> int | None:
        """Of one run; None is unknown."""
        with self._lock:
            if self._clock() >= self._due:
                self._read()
        return self._known.get(run)

    def _read(self) -> None:
        began = time.perf_counter()
        try:
            rows = cost((), ("run",), home=self._home, now=self._clock()).rows
        except SteelyardError:  # a ledger that cannot be read makes each cost unknown; `steelyard cost` says what is wrong with it
            rows = ()
        self._known = {str(row.keys[0]): row.allocated_micro for row in rows if not row.idle}
        self._due = self._clock() + max(SHORTEST, 20 * (time.perf_counter() - began))
