"""Training: the learner and the engine that computes it."""
