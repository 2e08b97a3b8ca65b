"""How long planning takes, and how near its prices are to the least that an exhaustive search finds."""
