"""CPU time of short commands, and the time from a command to the first training step."""
