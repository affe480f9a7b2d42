"""Data that the notebooks download."""
