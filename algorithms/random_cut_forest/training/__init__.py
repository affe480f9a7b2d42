"""From rows to a forest."""
