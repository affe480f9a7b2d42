"""Time series and forecasts in the forms usual in Python, for the estimator and the client. Imports only numpy."""
