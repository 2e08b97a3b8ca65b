"""What exists: models and accelerators, as data with their source."""
