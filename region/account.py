"""The account that owns all resources, the region's name, and ARNs."""

ACCOUNT = "123456789012"
REGION = "us-east-1"
ROLE = "forecastle"
ROLE_ARN = f"arn:aws:iam::{ACCOUNT}:role/{ROLE}"
SESSION_ARN = f"arn:aws:sts::{ACCOUNT}:assumed-role/{ROLE}/notebook"


def arn(service: str, resource: str) -> str:
    """The Amazon Resource Name of something in this region."""
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}"
