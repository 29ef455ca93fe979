"""Transactions as records: JSON of nodes and explorers, exports in CSV, JSON Lines and Parquet."""
