"""The console: web pages at the region's port."""
