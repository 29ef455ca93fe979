"""Following dyed units: holdings, rules, the replay, stops, statement."""
