"""Block explorers that answer as Etherscan's API does (version 2, and version 1 of its kin)."""
