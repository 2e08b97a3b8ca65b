"""What-if in virtual time: the production planner on a copy of the state."""
