"""The mean of a column: the smallest algorithm that there can be."""
