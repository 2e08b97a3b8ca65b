"""From needs and offers to a plan. Pure: same input, same plan.

    from steelyard.planning import weigh
"""

from steelyard.planning.plan import Choice, Offer, Plan
from steelyard.planning.weighing import weigh

__all__ = ["Choice", "Offer", "Plan", "weigh"]
