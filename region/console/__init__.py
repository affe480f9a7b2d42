"""The pages that a browser sees at the region's port."""
