"""Tracing on a ledger of outputs: plan, replays, proof, statement, whole-chain passes."""
