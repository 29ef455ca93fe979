"""Importers: each reads one kind of export into RawMoves; no importer writes a ledger."""
