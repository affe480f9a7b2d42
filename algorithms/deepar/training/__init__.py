"""Training: a network from the series of a channel, and its evaluation."""
