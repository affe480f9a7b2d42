"""Time series and forecasts as people have them in Python, for the estimator and the client. Imports numpy alone."""
