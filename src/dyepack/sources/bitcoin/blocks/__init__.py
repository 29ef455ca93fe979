"""Blocks in the form in which they travel: a node's files, raw blocks, blocks in hexadecimal."""
