"""The environment in which clients reach the region through its proxy, with no address but AWS's own."""

import re
import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path

import botocore

from forecastle.contract.whole_file import write_whole
from forecastle.region.home import Home
from forecastle.region.proxy import authority
from forecastle.region.proxy.domains import DOMAINS, is_aws
from forecastle.region.variables import variables

BUNDLE_FILE = "bundle.pem"
REPLACING = ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")  # a client then trusts no other
ADDING = "NODE_EXTRA_CA_CERTS"
PLAIN_ONLY = ("AWS_ENDPOINT_URL", "PYTHONPATH")  # which have no part in this
CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


def proxied_variables(home: Home, address: str, environ: Mapping[str, str]) -> dict[str, str]:
    """Like `variables`, for the proxy at `address`; writes the certificates that these name."""
    certificate = authority.prepare(home.proxy)
    bundle = home.proxy / BUNDLE_FILE
    _write_bundle(bundle, certificate, environ)
    kept = {name: value for name, value in variables(home, address, environ).items() if name not in PLAIN_ONLY}
    direct = ",".join(each for each in kept["NO_PROXY"].split(",") if not _bypasses(each))
    adds_already = environ.get("NODE_EXTRA_CA_CERTS") not in (None, "", str(certificate))
    return {
        "HTTPS_PROXY": address,
        "https_proxy": address,
        **kept,
        "NO_PROXY": direct,
        "no_proxy": direct,
        **dict.fromkeys(REPLACING, str(bundle)),
        ADDING: str(bundle if adds_already else certificate),
    }


def _bypasses(entry: str) -> bool:
    """Whether an entry of NO_PROXY would send a client past the proxy to AWS."""
    name = entry.strip().lower().partition(":")[0].removeprefix("*").lstrip(".")
    return name == "" or is_aws(name) or any(domain.endswith(f".{name}") for domain in DOMAINS)


def _write_bundle(bundle: Path, certificate: Path, environ: Mapping[str, str]) -> None:
    """All that the client trusted before, and the authority."""
    before = [Path(environ[name]) for name in (*REPLACING, ADDING) if environ.get(name)]
    files = [*_system_roots(), *(file for file in before if file not in (bundle, certificate)), certificate]
    blocks = dict.fromkeys(block for file in files for block in _certificates(file))
    write_whole(bundle, b"\n".join(blocks) + b"\n")


def _system_roots() -> Iterator[Path]:
    """The system's, or those of botocore where it has none."""
    paths = ssl.get_default_verify_paths()
    usual = (
        paths.openssl_cafile,
        "/etc/ssl/certs/ca-certificates.crt",
        "/etc/pki/tls/certs/ca-bundle.crt",
        "/etc/ssl/cert.pem",
        str(Path(botocore.__file__).with_name("cacert.pem")),
    )
    for path in map(Path, usual):
        if path.is_file():
            yield path
            return


def _certificates(file: Path) -> list[bytes]:
    try:
        return CERTIFICATE.findall(file.read_bytes())
    except OSError:  # a variable may name what is not there
        return []
