"""Tags: sourced statements about who an address belongs to."""
