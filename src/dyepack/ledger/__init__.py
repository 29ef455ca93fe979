"""The ledger: immutable columns of moves, in chain order, with a manifest."""
