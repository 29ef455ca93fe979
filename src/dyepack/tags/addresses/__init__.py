"""Addresses as lists write them, brought to the one form of their chain.

names     the words that sources use for chains, and our names
codecs    what an address of each chain looks like, and its one form
cashaddr  the codec of Bitcoin Cash, which no inner package needs
repair    look-alike and invisible signs
reading   `read_address` and `keys_of`, which put the four together
"""
