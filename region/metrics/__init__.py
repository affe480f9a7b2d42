"""CloudWatch Metrics."""
