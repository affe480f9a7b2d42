"""From a forest and rows to scores."""
