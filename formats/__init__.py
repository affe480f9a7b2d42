"""Wire formats: bytes to arrays and arrays to bytes, without a Python object per row."""
