"""dyepack follows stolen money across ledgers, exactly: every stolen unit is always somewhere."""

__version__ = "0.1.0"

__all__ = ["__version__"]
