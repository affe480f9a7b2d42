"""The proxy's certificate authority, which clients trust for AWS's domains only."""

import datetime
import ipaddress
import re
import ssl
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.region.proxy.clients import proxied
from tests.region.running_region import RunningRegion
from tests.region.test_region import forecastle


def test_the_key_is_for_its_owner_and_the_authority_stays(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with ThreadPoolExecutor(4) as pool:  # commands at the same time make one
        done = list(pool.map(lambda _: forecastle("env", "--proxy", home=home), range(4)))
    assert [each.returncode for each in done] == [0] * 4
    assert stat.S_IMODE(home.stat().st_mode) == stat.S_IMODE((home / "proxy").stat().st_mode) == 0o700
    assert stat.S_IMODE((home / "proxy" / "authority.pem").stat().st_mode) == 0o600
    assert "PRIVATE" not in (home / "proxy" / "ca.pem").read_text() + (home / "proxy" / "bundle.pem").read_text()
    kept = (home / "proxy" / "authority.pem").read_bytes()
    assert (home / "proxy" / "ca.pem").read_bytes() in kept
    forecastle("env", "--proxy", home=home)
    assert (home / "proxy" / "authority.pem").read_bytes() == kept
    (home / "proxy" / "authority.pem").write_bytes(kept[:100])  # what is broken is made anew
    assert forecastle("env", "--proxy", home=home).returncode == 0
    made = (home / "proxy" / "authority.pem").read_bytes()
    assert (home / "proxy" / "ca.pem").read_bytes() in made
    assert stat.S_IMODE((home / "proxy" / "authority.pem").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("name", "trusted"),
    [
        ("sts.us-east-1.amazonaws.com", True),
        ("bucket.s3.cn-north-1.amazonaws.com.cn", True),
        ("sagemaker.us-east-1.api.aws", True),
        ("packages.example.org", False),
        ("amazonaws.com.evil.example", False),
        ("evilamazonaws.com", False),
        ("localhost", False),
        ("127.0.0.1", False),
    ],
)
def test_not_even_its_key_speaks_for_another_name(
    region: RunningRegion, tmp_path: Path, name: str, trusted: bool
) -> None:
    proxied(region)
    folder = region.home / "proxy"
    authority = (folder / "authority.pem").read_bytes()
    chain = tmp_path / "forged.pem"
    chain.write_bytes(_signed_by(authority, name))
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context(cafile=folder / "bundle.pem")
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    server.load_cert_chain(chain)
    assert _handshake(server, client, name) is trusted


def _signed_by(authority: bytes, name: str) -> bytes:
    """A server's key and certificate, signed with the authority's key: what a thief of that key could create."""
    issuer, issuing = x509.load_pem_x509_certificate(authority), serialization.load_pem_private_key(authority, None)
    assert isinstance(issuing, ec.EllipticCurvePrivateKey)
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
    numeric = re.fullmatch(r"[\d.]+", name)
    names = [x509.IPAddress(ipaddress.ip_address(name)) if numeric else x509.DNSName(name)]
    signer = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuing.public_key())
    certificate = (
        x509.CertificateBuilder(issuer.subject, x509.Name([]), key.public_key(), 1)
        .not_valid_before(now - datetime.timedelta(1))
        .not_valid_after(now + datetime.timedelta(1))
        .add_extension(x509.SubjectAlternativeName(names), critical=True)
        .add_extension(signer, critical=False)
        .sign(issuing, hashes.SHA256())
    )
    pem, pkcs8, plain = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(pem, pkcs8, plain) + certificate.public_bytes(pem)


def _handshake(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> bool:
    """Whether the client accepts the server as `name`."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (
        client.wrap_bio(to_client, to_server, server_hostname=name),
        server.wrap_bio(to_server, to_client, server_side=True),
    )
    done = 0
    while done < 2:
        done = 0
        for end in ends:
            try:
                end.do_handshake()
                done += 1
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLCertVerificationError:
                return False
    return True
