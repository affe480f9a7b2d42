"""Who may knock: programs on this machine, not pages in a browser nor names that somebody else resolves to it.

The region starts processes, so a page that a user happens to visit must not reach it: a browser sends `Origin` with a
request to another site, and a name that was rebound to 127.0.0.1 is in `Host`.
"""

import re
from collections.abc import Collection, Mapping

from forecastle.region.proxy.domains import is_aws

OWN = re.compile(r"(?:127(?:\.\d{1,3}){3}|\[::1\]|(?:[\w.-]+\.)?localhost|host\.docker\.internal)(?::\d+)?")
LABELS = re.compile(r"[\w.-]+")
INVOKE = re.compile(r"/restapis/[^/]+/[^/]+/_user_request_(?:/.*)?")


def refused(method: str, path: str, headers: Mapping[str, str], more_hosts: Collection[str] = ()) -> str | None:
    """Why a request is refused, in a sentence; None where it is not."""
    host = headers.get("host", "").lower()
    named = host.rpartition(":")[0] if re.search(r":\d+$", host) else host
    aws = LABELS.fullmatch(named) and is_aws(named)
    if not (OWN.fullmatch(host) or aws or named in more_hosts):
        return f"Host {host[:100]!r} is not a name of this region; --allow-host NAME makes it one."
    if INVOKE.fullmatch(path):  # an API is there for pages in a browser
        return None
    origin, site = headers.get("origin"), headers.get("sec-fetch-site", "none")
    if origin is not None:
        return f"Origin {origin[:100]!r}: pages in a browser may not call this region, except an API's invoke URL."
    if site not in ("none", "same-origin") and method != "GET":
        return "Pages of another site may not call this region."
    return None
