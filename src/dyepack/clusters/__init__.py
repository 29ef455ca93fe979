"""Clusters: which addresses are one party's, each merge with the transaction it rests on, explained and undone."""
