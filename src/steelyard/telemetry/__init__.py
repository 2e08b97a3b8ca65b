"""What is measured. Events as JSON lines are the source of truth; metrics, stories and goodput derive from them.

Standard library, psutil and prometheus-client only: this package runs inside every worker.
"""
