"""From a network and series to forecasts, and to bytes."""
