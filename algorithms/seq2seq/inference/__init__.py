"""Translation: beam search with a network of neutral arrays."""
