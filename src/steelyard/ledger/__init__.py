"""Who held what, from when to when, and what it cost. Append-only; exact to the micro-dollar."""
