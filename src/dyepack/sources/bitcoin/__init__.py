"""Importers of Bitcoin and its kin: each reads one form into RawTransactions; no importer writes a ledger."""
