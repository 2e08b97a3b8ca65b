"""Rules over a snapshot of events, which give findings."""
