"""Reports: statement and flow for people, each outside text shown through one safe function per sink."""
