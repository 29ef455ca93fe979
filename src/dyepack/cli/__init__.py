"""The dyepack command: thin, no logic."""
