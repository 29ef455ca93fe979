"""The case folder: everything a trace used and found, re-runnable to the same bytes."""
