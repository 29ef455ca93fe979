"""The ledger of a chain of outputs (Bitcoin and its kin): schema, builder, reader, addresses."""
