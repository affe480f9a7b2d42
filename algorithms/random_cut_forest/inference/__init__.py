"""Inference: scores of rows, and their attribution to columns."""
