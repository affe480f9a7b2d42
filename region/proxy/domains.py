"""The domains of AWS's services: the only names for which the proxy answers and its authority may sign."""

DOMAINS = ("amazonaws.com", "amazonaws.com.cn", "api.aws")


def is_aws(host: str) -> bool:
    """Whether a host, in lower case, is one of AWS's services."""
    return any(host == domain or host.endswith(f".{domain}") for domain in DOMAINS)
