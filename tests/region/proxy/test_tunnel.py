"""CONNECT requests to the region's proxy, byte by byte."""

import socket
import ssl
from pathlib import Path

import pytest

from tests.region.proxy.clients import STS, connected, opened, proxied, python, read_until
from tests.region.running_region import RunningRegion

IDENTITY = b"Action=GetCallerIdentity&Version=2011-06-15"


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        (
            "packages.example.org:443",
            "packages.example.org is no host of AWS's. The region's proxy answers for these and forwards nothing",
        ),
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
    urllib.request.urlopen("https://packages.example.org/simple/")
except OSError as error:
    print(error)
"""
    assert "403 packages.example.org is no host of AWS's." in python(script, proxied(region))


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
