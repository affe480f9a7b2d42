"""CloudWatch Metrics: what jobs and endpoints measure."""
