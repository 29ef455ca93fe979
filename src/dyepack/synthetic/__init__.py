"""The synthetic incident: a theft with known truth, at any size."""
