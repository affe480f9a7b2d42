"""An HTTPS proxy at the region's port, for clients that call AWS's own addresses."""
