"""Several hosts that train together: how they meet, exchange parts by HTTP, and fail together.

The leading host runs a server, `app.py`; the others are its clients. `joining.py` is what a job calls.
"""
