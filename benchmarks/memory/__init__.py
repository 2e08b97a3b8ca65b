"""Measured GPU memory from public sources against Steelyard's sizing, the estimate of HF accelerate and llm-d-planner's formulas."""
