"""The head of a chain: blocks as they come and as they are orphaned; and whether a block is still in the chain."""
