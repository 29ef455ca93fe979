"""Where dyed money reached a service: the points at which it can be asked for, and whether it can still be stopped."""
