"""Inference: requests to forecasts to responses."""
