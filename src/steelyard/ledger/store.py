"""The append-only store: JSON lines, one file a writer, compacted to Parquet.

Nobody ever changes a record, and nobody writes to another's file, so that a process killed at any byte spoils at most
its own last line. This module is what the rest of Steelyard uses; how it is done is in `writer`, `reading` and `compaction`.
"""

from __future__ import annotations

from steelyard.ledger.compaction import compact, compact_if_due
from steelyard.ledger.reading import LedgerReport, read_ledger, read_usages
from steelyard.ledger.writer import LedgerWriter

__all__ = ["LedgerReport", "LedgerWriter", "compact", "compact_if_due", "read_ledger", "read_usages"]
