"""Side by side with the peers: each benchmark prints the ratios of one run."""
