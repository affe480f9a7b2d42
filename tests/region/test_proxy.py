"""The region as an HTTPS proxy: clients keep AWS's own addresses, and trust its authority for these alone."""

import datetime
import ipaddress
import json
import os
import re
import socket
import ssl
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.region.endpoints import config, endpoint, model, trained
from tests.region.running_region import ROOT, RunningRegion
from tests.region.test_region import forecastle

STS = "sts.us-east-1.amazonaws.com"
IDENTITY = b"Action=GetCallerIdentity&Version=2011-06-15"


def proxied(region: RunningRegion, **environ: str) -> dict[str, str]:
    """What `env --proxy` sets, and nothing else."""
    assert region.address
    printed = forecastle("env", "--proxy", "--shell", "dotenv", home=region.home, **environ)
    assert printed.returncode == 0, printed.stderr
    return dict(line.split("=", 1) for line in printed.stdout.splitlines())


def python(script: str, environ: dict[str, str], *arguments: str) -> str:
    """What a script prints with no other environment."""
    command = [sys.executable, "-c", script, *arguments]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout


def connected(region: RunningRegion) -> socket.socket:
    host, port = region.address.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=60)


def read_until(connection: socket.socket, wanted: bytes) -> bytes:
    """What comes, up to where `wanted` is in it."""
    answer = b""
    while wanted not in answer:
        piece = connection.recv(65536)
        assert piece, answer
        answer += piece
    return answer


def opened(region: RunningRegion, target: str) -> bytes:
    """The answer to CONNECT, up to the end of its head."""
    with connected(region) as connection:
        connection.sendall(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
        return read_until(connection, b"\r\n\r\n")


def test_boto3_reaches_every_service_at_awss_own_address(region: RunningRegion) -> None:
    script = """
import boto3, json, sys
def at(service, host, **more):
    return boto3.client(service, endpoint_url=f"https://{host}.amazonaws.com", region_name="us-east-1", **more)
print(json.dumps([
    at("sts", "sts.us-east-1").get_caller_identity()["Account"],
    boto3.client("sts").get_caller_identity()["Account"],
    boto3.client("iam").get_role(RoleName="forecastle")["Role"]["RoleName"],
    boto3.client("sagemaker").describe_notebook_instance(NotebookInstanceName="n")["NotebookInstanceName"],
    "logGroups" in boto3.client("logs").describe_log_groups(),
    "Metrics" in boto3.client("cloudwatch").list_metrics(),
    "Functions" in boto3.client("lambda").list_functions(),
    "items" in boto3.client("apigateway").get_rest_apis(),
]))
"""
    environ = proxied(region)
    assert not {"AWS_ENDPOINT_URL", "PYTHONPATH"} & environ.keys()
    assert json.loads(python(script, environ)) == [*["123456789012"] * 2, "forecastle", "n", True, True, True, True]


def test_an_endpoint_answers_at_the_runtimes_own_address(region: RunningRegion) -> None:
    name = endpoint(region, config(region, {"one": (model(region, trained(region)), 1.0)}))
    script = """
import boto3, sys
runtime = boto3.client("sagemaker-runtime")
answer = runtime.invoke_endpoint(EndpointName=sys.argv[1], Body=b"1\\n", ContentType="text/csv")
print(answer["Body"].read().decode())
"""
    assert python(script, proxied(region), name).strip()


def test_large_objects_pass_both_ways_in_virtual_host_style(region: RunningRegion) -> None:
    script = """
import boto3, hashlib, io, json, random, urllib.request
from boto3.s3.transfer import TransferConfig
from botocore import UNSIGNED
from botocore.config import Config

seen = []
s3 = boto3.client("s3", config=Config(s3={"addressing_style": "virtual"}))
s3.meta.events.register("before-send.s3.*", lambda request, **_: seen.append(request.url.split("/")[2]))
block, size = random.Random(1).randbytes(1 << 20), 100

class Stream(io.RawIOBase):  # which is not in memory, and cannot be read again
    left = size
    def readable(self): return True
    def readinto(self, target):
        if not self.left: return 0
        self.left -= 1
        target[:len(block)] = block
        return len(block)

s3.create_bucket(Bucket="logs")  # also the beginning of a service's host
s3.upload_fileobj(io.BufferedReader(Stream(), len(block)), "logs", "parts")
s3.put_object(Bucket="logs", Key="one", Body=block * size)
wanted = hashlib.sha256(block * size).hexdigest()
def digest(key):
    found = hashlib.sha256()
    for piece in s3.get_object(Bucket="logs", Key=key)["Body"].iter_chunks(1 << 20):
        found.update(piece)
    return found.hexdigest()
unsigned = boto3.client("s3", config=Config(signature_version=UNSIGNED))
url = s3.generate_presigned_url("get_object", Params={"Bucket": "logs", "Key": "one"})
print(json.dumps([
    [digest("parts") == wanted, digest("one") == wanted],
    unsigned.head_object(Bucket="logs", Key="one")["ContentLength"],
    len(unsigned.list_objects_v2(Bucket="logs")["Contents"]),
    len(urllib.request.urlopen(url).read()),
    sorted(set(seen)),
]))
"""
    size = 100 << 20
    printed = json.loads(python(script, proxied(region)))
    assert printed == [[True, True], size, 2, size, ["logs.s3.amazonaws.com"]]


def test_env_names_the_certificates_and_leaves_what_goes_past_a_proxy(region: RunningRegion, tmp_path: Path) -> None:
    own = tmp_path / "own.pem"
    own.write_text("-----BEGIN CERTIFICATE-----\nthe company's\n-----END CERTIFICATE-----\n")
    direct = "intranet,.amazonaws.com,s3.eu-west-1.amazonaws.com,*,pypi.org"
    environ = proxied(region, no_proxy=direct, REQUESTS_CA_BUNDLE=str(own), NODE_EXTRA_CA_CERTS="/not/there")
    folder = region.home / "proxy"
    bundle = str(folder / "bundle.pem")
    assert environ["HTTPS_PROXY"] == environ["https_proxy"] == region.address
    assert environ["NO_PROXY"] == environ["no_proxy"] == "127.0.0.1,localhost,intranet,pypi.org"
    assert {environ[name] for name in ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")} == {bundle}
    assert proxied(region)["NODE_EXTRA_CA_CERTS"] == str(folder / "ca.pem")
    (certificate,) = re.findall(r"-----BEGIN.+?-----END", (folder / "ca.pem").read_text(), re.DOTALL)
    proxied(region, REQUESTS_CA_BUNDLE=str(own))
    text = (folder / "bundle.pem").read_text()
    assert "the company's" in text
    assert certificate in text
    assert text.count("BEGIN CERTIFICATE") > 50  # the system's own


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
        ("pypi.org", False),
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
    """The key and the certificate of a server, as whoever has the authority's key could make them."""
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


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        ("pypi.org:443", "pypi.org is no host of AWS's. The region's proxy answers for these and forwards nothing"),
        ("amazonaws.com.evil.example:443", "amazonaws.com.evil.example is no host of AWS's"),
        ("127.0.0.1:443", "127.0.0.1 is no host of AWS's"),
        ("[::1]:443", "[::1] is no host of AWS's"),
        (f"{STS}:22", f"{STS}:22: the region's proxy answers for port 443 only."),
        (STS, "CONNECT: expected a host and a port"),
        ("/", "CONNECT: expected a host and a port"),
        (f"{STS}:443 HTTP/1.1\r\nX: y\r\n\r\nGET /", "CONNECT: expected nothing after the headers"),
        (f"{'a' * 300}.amazonaws.com:443", "CONNECT: expected a host and a port"),
    ],
)
def test_another_host_is_refused_in_a_sentence(region: RunningRegion, target: str, sentence: str) -> None:
    proxied(region)
    answer = opened(region, target)
    assert answer.startswith(f"HTTP/1.1 403 {sentence}".encode())
    assert region.client("sts").get_caller_identity()["Account"] == "123456789012"


def test_a_client_shows_the_sentence(region: RunningRegion) -> None:
    script = """
import urllib.request
try:
    urllib.request.urlopen("https://pypi.org/simple/")
except OSError as error:
    print(error)
"""
    assert "403 pypi.org is no host of AWS's." in python(script, proxied(region))


def test_a_proxy_without_certificates_says_how_to_make_them(tmp_path: Path) -> None:
    with RunningRegion(tmp_path / "home") as region:
        assert b"`forecastle region env --proxy` makes them" in opened(region, f"{STS}:443")
        script = "import boto3; print(boto3.client('sts').get_caller_identity()['Account'])"
        assert python(script, proxied(region)) == "123456789012\n"  # without a new start


def test_a_tunnel_opens_however_its_bytes_come(region: RunningRegion) -> None:
    environ = proxied(region)
    with connected(region) as connection:
        for byte in f"CONNECT {STS.upper()}.:443 HTTP/1.1\r\n\r\n".encode():
            connection.sendall(bytes([byte]))
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
        context = ssl.create_default_context(cafile=environ["AWS_CA_BUNDLE"])
        with context.wrap_socket(connection, server_hostname=STS) as inside:
            head = f"POST / HTTP/1.1\r\nHost: {STS}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
            head += f"Content-Length: {len(IDENTITY)}\r\n\r\n"
            for _ in range(2):  # which is kept
                inside.sendall(head.encode() + IDENTITY)
                read_until(inside, b"assumed-role/forecastle")


@pytest.mark.parametrize("rest", [b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"\x16\x03\x01\xff\xff", b""])
def test_what_is_no_tls_ends_the_tunnel_and_nothing_else(region: RunningRegion, rest: bytes) -> None:
    proxied(region)
    lines = len(region.lines)
    with connected(region) as connection:
        connection.sendall(f"CONNECT {STS}:443 HTTP/1.1\r\n\r\n".encode())
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
        connection.sendall(rest)
        connection.shutdown(socket.SHUT_WR)
        try:
            while connection.recv(65536):
                pass
        except ConnectionResetError:
            pass
    assert region.client("sts").get_caller_identity()["Account"] == "123456789012"
    assert region.lines[lines:] == []


def test_a_client_that_does_not_trust_it_is_told_by_tls(region: RunningRegion) -> None:
    proxied(region)
    lines = len(region.lines)
    with connected(region) as connection:
        connection.sendall(f"CONNECT {STS}:443 HTTP/1.1\r\n\r\n".encode())
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
        with pytest.raises(ssl.SSLCertVerificationError):
            ssl.create_default_context().wrap_socket(connection, server_hostname=STS)
    assert region.client("sts").get_caller_identity()["Account"] == "123456789012"
    assert region.lines[lines:] == []


def test_pages_of_a_browser_stay_out_of_a_tunnel_too(region: RunningRegion) -> None:
    environ = proxied(region)
    with connected(region) as connection:
        connection.sendall(f"CONNECT {STS}:443 HTTP/1.1\r\n\r\n".encode())
        connection.recv(65536)
        context = ssl.create_default_context(cafile=environ["AWS_CA_BUNDLE"])
        with context.wrap_socket(connection, server_hostname=STS) as inside:
            inside.sendall(f"GET / HTTP/1.1\r\nHost: {STS}\r\nOrigin: https://evil.example\r\n\r\n".encode())
            read_until(inside, b"web pages may not call this region")


def test_run_and_kernel_take_the_proxy_too(tmp_path: Path) -> None:
    script = (
        "import boto3, os; account = boto3.client('sts').get_caller_identity()['Account']; "
        "print('AWS_ENDPOINT_URL' in os.environ, account)"
    )
    command = [sys.executable, "-m", "forecastle", "region", "run", "--proxy", "--home", str(tmp_path / "home"), "--"]
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*command, sys.executable, "-c", script], env=environ, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stdout == "False 123456789012\n", done.stderr
    interpreter = tmp_path / "python"  # one that has ipykernel, as far as can be seen
    interpreter.write_text("#!/bin/sh\nexit 0\n")
    interpreter.chmod(0o755)
    written = forecastle("kernel", "--proxy", "--python", str(interpreter), home=tmp_path / "home")
    assert written.returncode == 0, written.stderr
    kernel = json.loads((tmp_path / ".local/share/jupyter/kernels/forecastle-region/kernel.json").read_text())
    assert kernel["env"]["HTTPS_PROXY"] == "http://127.0.0.1:4566"
    assert "AWS_ENDPOINT_URL" not in kernel["env"]
