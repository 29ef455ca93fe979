"""What units were worth: prices and exchange rates of a day, each with its source, and values that are never mixed."""
