"""Nodes of Ethereum and its kin, asked by JSON-RPC."""
