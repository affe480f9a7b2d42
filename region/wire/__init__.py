"""AWS's protocols in both directions, driven by botocore's own service models."""
