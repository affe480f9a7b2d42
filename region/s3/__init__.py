"""S3 on a disk: buckets and objects in a folder, for boto3 and for the rest of the region."""
