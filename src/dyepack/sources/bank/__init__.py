"""Bank books as a ledger: camt.053, MT940 and CSV statements, checked, joined, matched and put in order."""
