"""Patterns: shapes in a ledger that mean something to whoever reads a trace, each by a rule with a name and a grade."""
