"""The certificate authority of a region's proxy: clients that trust it trust it for AWS's domains alone.

Its certificate has critical name constraints, so that not even a stolen key can speak for another domain. The key is
in the region's folder, readable by its owner alone, and nothing is installed in a trust store.
"""

import datetime
import fcntl
import functools
import ipaddress
import os
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from forecastle.contract.whole_file import write_whole
from forecastle.region.proxy.domains import DOMAINS

DAY = datetime.timedelta(days=1)
LIFE = 365 * DAY  # of the authority
RENEWED = 30 * DAY  # before its end
HOST_LIFE = 7 * DAY  # of a host's certificate
KEPT_HOSTS = 256

KEY_FILE = "authority.pem"  # the key and the certificate
CERTIFICATE_FILE = "ca.pem"


def prepare(folder: Path) -> Path:
    """Make the authority of a folder, unless it has one that is valid for a while; where its certificate is."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    certificate_file = folder / CERTIFICATE_FILE
    with _locked(folder):
        certificate = _certificate(folder / KEY_FILE)
        if certificate is None or certificate.not_valid_after_utc - _now() < RENEWED:
            key, certificate = _new_authority()
            _write_private(folder / KEY_FILE, _pem_of(key) + _pem(certificate))
        write_whole(certificate_file, _pem(certificate))
    return certificate_file


def context_for(folder: Path, host: str) -> ssl.SSLContext | None:
    """What a server uses to speak TLS as `host`; None where the folder has no authority.

    Takes a millisecond for a new host. Contexts are kept until the day ends or the authority changes.
    """
    try:
        changed = (folder / KEY_FILE).stat().st_mtime_ns
        return _context(folder / KEY_FILE, host, changed, _now().toordinal())
    except FileNotFoundError:
        return None


@functools.lru_cache(KEPT_HOSTS)
def _context(key_file: Path, host: str, changed: int, day: int) -> ssl.SSLContext:
    del changed, day  # a part of what is remembered
    pem = key_file.read_bytes()
    authority_key = serialization.load_pem_private_key(pem, None)
    assert isinstance(authority_key, ec.EllipticCurvePrivateKey)
    certificate = _host_certificate(host, x509.load_pem_x509_certificate(pem), authority_key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    with os.fdopen(os.memfd_create("certificate"), "wb") as file:  # `ssl` reads files alone; this one is on no disk
        file.write(_pem_of(_host_key()) + _pem(certificate))
        file.flush()
        context.load_cert_chain(f"/proc/self/fd/{file.fileno()}")
    return context


@functools.cache
def _host_key() -> ec.EllipticCurvePrivateKey:
    """The key of all hosts' certificates, as long as the process lives."""
    return ec.generate_private_key(ec.SECP256R1())


def _new_authority() -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    key = ec.generate_private_key(ec.SECP256R1())
    constraints = x509.NameConstraints(
        permitted_subtrees=[x509.DNSName(domain) for domain in DOMAINS],
        excluded_subtrees=[x509.IPAddress(ipaddress.ip_network(all_of_them)) for all_of_them in ("0.0.0.0/0", "::/0")],
    )
    name = _name("forecastle region: AWS's names on this machine")
    certificate = (
        _builder(name, name, key, LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(constraints, critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return key, certificate


def _host_certificate(
    host: str, authority: x509.Certificate, authority_key: ec.EllipticCurvePrivateKey
) -> x509.Certificate:
    key = _host_key()
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key())
    return (
        _builder(_name("forecastle region"), authority.subject, key, HOST_LIFE)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(issuer, critical=False)
        .sign(authority_key, hashes.SHA256())
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, life: datetime.timedelta
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number())
    return builder.not_valid_before(_now() - DAY).not_valid_after(_now() + life)  # clocks differ


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _certificate(key_file: Path) -> x509.Certificate | None:
    """The certificate in a file; None where there is none that can be read."""
    try:
        return x509.load_pem_x509_certificate(key_file.read_bytes())
    except (FileNotFoundError, ValueError):
        return None


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _pem_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write_private(path: Path, content: bytes) -> None:
    """Write a file, whole or not at all, that its owner alone may read from its first byte on."""
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Two commands at the same time make one authority."""
    with (folder / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)
