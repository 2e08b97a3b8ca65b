"""Predicted against measured latency of served models, beside aiconfigurator on the same rows."""
