"""The mean of a column: a minimal algorithm."""
