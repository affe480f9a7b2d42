"""The operations of S3: one function each, from a request to a response."""
