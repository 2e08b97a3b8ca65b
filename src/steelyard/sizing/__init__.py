"""From a workload to what it needs: every layout that could carry it, in bytes by part. Pure.

    from steelyard.sizing import size
"""

from steelyard.sizing.need import Figure, Layout, Need
from steelyard.sizing.training import size

__all__ = ["Figure", "Layout", "Need", "size"]
