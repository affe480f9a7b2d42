"""DeepAR."""
