"""Thefts, who says what about them, and claims about totals."""
