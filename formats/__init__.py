"""Wire formats: between bytes and arrays, with no Python object per row on either way."""
