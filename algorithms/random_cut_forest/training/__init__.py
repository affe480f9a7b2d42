"""Training: a forest from the rows of a channel, and its evaluation."""
