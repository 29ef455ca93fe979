"""Live sources of Bitcoin: a node of Bitcoin Core by RPC or REST, and Esplora servers."""
