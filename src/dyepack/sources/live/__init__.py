"""Sources that are asked over a network: nodes and public APIs, what they answer kept as evidence."""
