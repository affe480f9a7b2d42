"""From series to a network."""
