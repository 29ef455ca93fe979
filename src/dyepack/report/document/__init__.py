"""The report of a case: a document in which every number is produced from the case and can be checked against it."""
