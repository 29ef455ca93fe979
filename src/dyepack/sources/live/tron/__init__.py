"""Tron, asked through the HTTP API of a full node and the account lists of TronGrid."""
