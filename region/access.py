"""Access control: programs on this machine may call the region; web pages and unknown host names may not.

The region starts processes, so a page that the user visits must not reach it. Browsers send `Origin` with requests to
another site, and `Host` shows a name that was rebound to 127.0.0.1.
"""

import re
from collections.abc import Collection, Mapping

from forecastle.region.proxy.domains import is_aws

OWN = re.compile(r"(?:127(?:\.\d{1,3}){3}|\[::1\]|(?:[\w.-]+\.)?localhost|host\.docker\.internal)(?::\d+)?")
LABELS = re.compile(r"[\w.-]+")
INVOKE = re.compile(r"/restapis/[^/]+/[^/]+/_user_request_(?:/.*)?")


def refused(
    method: str, path: str, headers: Mapping[str, str], more_hosts: Collection[str] = (), *, by_bucket: bool = False
) -> str | None:
    """The reason why a request is refused; None if it is allowed.

    With `by_bucket`, the CORS rules of the request's bucket decide about its origin later.
    """
    host = headers.get("host", "").lower()
    named = host.rpartition(":")[0] if re.search(r":\d+$", host) else host
    aws = LABELS.fullmatch(named) and is_aws(named)
    if not (OWN.fullmatch(host) or aws or named in more_hosts):
        return f"Host {host[:100]!r} is not a name of this region; allow it with --allow-host."
    if INVOKE.fullmatch(path) or (by_bucket and "origin" in headers):  # APIs are for web pages
        return None
    origin, site = headers.get("origin"), headers.get("sec-fetch-site", "none")
    if origin is not None:
        return f"Origin {origin[:100]!r}: web pages may not call this region, except APIs and buckets with CORS rules."
    if site not in ("none", "same-origin") and method != "GET":
        return "Pages of another site may not call this region."
    return None
