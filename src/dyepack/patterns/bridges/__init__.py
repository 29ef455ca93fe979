"""Bridges: value that leaves one ledger and arrives on another, in three tiers that are never mixed.

model       deposit, payout, link, and the lists of links by tier
abi, logs   call data and events of EVM contracts, decoded within bounds
celer, poly, multichain, multichain_logs, thorchain_legs   one bridge each: its records into deposits and payouts
records     all bridges at once
etl_files   logs and calls of ethereum-etl exports
thorchain_assets, thorchain_memo, thorchain_fields         the notation of THORChain's memos
protocol    tier 1: joins that the bridge's own records state
inference   tier 3: amount, time and address, as ranked leads only
unlinked    tier 3 for what tier 1 leaves open, at rates that are stated
carry       what becomes of dye on a link, exactly
links_csv   links of tiers 1 and 2 as a file
findings    the rules, and links as findings
"""
