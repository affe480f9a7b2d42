"""S3 on disk: buckets and objects in a folder, for clients and for the rest of the region."""
