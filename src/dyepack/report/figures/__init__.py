"""Figures of a report beside the flow figure: the hop graph and the timeline."""
