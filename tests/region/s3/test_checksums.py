"""Checksums: of boto3's requests, of chunked bodies byte for byte, of objects in parts."""

import base64
import hashlib
import zlib
from typing import Any

import pytest
from awscrt import checksums as crt
from botocore.exceptions import ClientError

from tests.region.s3.running_s3 import Answer, RunningS3
from tests.region.s3.test_multipart import FIRST, SECOND, upload
from tests.region.s3.test_objects import code

DATA = b"123456789"
KNOWN = {  # the check values that the algorithms' own descriptions give for "123456789"
    "CRC32": bytes.fromhex("cbf43926"),
    "CRC32C": bytes.fromhex("e3069283"),
    "CRC64NVME": bytes.fromhex("ae8b14860a799888"),
    "SHA1": hashlib.sha1(DATA).digest(),
    "SHA256": hashlib.sha256(DATA).digest(),
}


def text(digest: bytes) -> str:
    return base64.b64encode(digest).decode()


@pytest.mark.parametrize("algorithm", KNOWN)
def test_a_checksum_is_checked_stored_and_returned(s3: Any, bucket: str, algorithm: str) -> None:
    member, value = f"Checksum{algorithm}", text(KNOWN[algorithm])
    assert s3.put_object(Bucket=bucket, Key="k", Body=DATA, ChecksumAlgorithm=algorithm)[member] == value
    got = s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert (got[member], got["ChecksumType"], got["Body"].read()) == (value, "FULL_OBJECT", DATA)
    [listed] = s3.list_objects_v2(Bucket=bucket)["Contents"]
    assert listed["ChecksumAlgorithm"] == [algorithm]
    attributes = s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=["Checksum"])
    assert attributes["Checksum"] == {member: value, "ChecksumType": "FULL_OBJECT"}
    with pytest.raises(ClientError) as refused:
        s3.put_object(Bucket=bucket, Key="k", Body=b"other", **{member: value})
    assert code(refused) == "BadDigest"
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == DATA


@pytest.mark.parametrize("algorithm", ["SHA512", "MD5", "XXHASH64", "XXHASH3", "XXHASH128"])
def test_newer_checksum_algorithms(server: RunningS3, bucket: str, algorithm: str) -> None:
    digest = {
        "SHA512": hashlib.sha512(DATA).digest(),
        "MD5": hashlib.md5(DATA).digest(),
        "XXHASH64": crt.XXHash.compute_xxhash64(DATA),
        "XXHASH3": crt.XXHash.compute_xxhash3_64(DATA),
        "XXHASH128": crt.XXHash.compute_xxhash3_128(DATA),
    }[algorithm]
    header = f"x-amz-checksum-{algorithm.lower()}"
    assert server.send("PUT", f"/{bucket}/k", DATA, {header: text(digest)}).headers[header] == text(digest)
    assert server.send("PUT", f"/{bucket}/k", b"other", {header: text(digest)}).status == 400


def test_an_object_without_a_checksum_gets_one(server: RunningS3, s3: Any, bucket: str) -> None:
    assert server.send("PUT", f"/{bucket}/k", DATA).status == 200
    got = s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert (got["ChecksumCRC64NVME"], got["Body"].read()) == (text(KNOWN["CRC64NVME"]), DATA)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"content-md5": text(hashlib.md5(b"other").digest())}, "BadDigest"),
        ({"content-md5": "short"}, "InvalidDigest"),
        ({"x-amz-content-sha256": hashlib.sha256(b"other").hexdigest()}, "XAmzContentSHA256Mismatch"),
        ({"x-amz-checksum-crc32": "AAAA"}, "InvalidRequest"),
        ({"x-amz-checksum-crc32": "AAAAAA==", "x-amz-checksum-sha1": text(bytes(20))}, "InvalidRequest"),
        ({"x-amz-sdk-checksum-algorithm": "CRC31"}, "InvalidRequest"),
    ],
)
def test_a_body_that_does_not_match_its_digest_is_refused(
    server: RunningS3, bucket: str, headers: dict[str, str], expected: str
) -> None:
    answer = server.send("PUT", f"/{bucket}/k", DATA, headers)
    assert (answer.status, f"<Code>{expected}</Code>" in answer.body.decode()) == (400, True)
    assert server.send("GET", f"/{bucket}/k").status == 404


@pytest.mark.parametrize("kind", ["COMPOSITE", "FULL_OBJECT"])
@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "SHA256", "CRC64NVME"])
def test_an_object_in_parts_has_a_checksum_of_either_kind(s3: Any, bucket: str, algorithm: str, kind: str) -> None:
    said = {"ChecksumAlgorithm": algorithm, "ChecksumType": kind}
    if (algorithm, kind) in [("SHA256", "FULL_OBJECT"), ("CRC64NVME", "COMPOSITE")]:
        with pytest.raises(ClientError) as refused:
            s3.create_multipart_upload(Bucket=bucket, Key="k", **said)
        assert code(refused) == "InvalidRequest"
        return

    def digest(data: bytes) -> bytes:
        if algorithm == "SHA256":
            return hashlib.sha256(data).digest()
        size = 8 if algorithm == "CRC64NVME" else 4
        return int(getattr(crt, algorithm.lower())(data)).to_bytes(size, "big")

    done = upload(s3, bucket, "k", FIRST, SECOND, **said)
    whole = text(digest(FIRST + SECOND)), f"{text(digest(digest(FIRST) + digest(SECOND)))}-2"
    assert done[f"Checksum{algorithm}"] == whole[kind == "COMPOSITE"]
    got = s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert (got[f"Checksum{algorithm}"], got["ChecksumType"]) == (done[f"Checksum{algorithm}"], kind)
    assert got["Body"].read() == FIRST + SECOND


def test_the_checksum_of_the_whole_object_is_checked(s3: Any, bucket: str) -> None:
    said = {"Bucket": bucket, "Key": "k"}
    id_ = s3.create_multipart_upload(**said, ChecksumAlgorithm="CRC32", ChecksumType="FULL_OBJECT")["UploadId"]
    sent = s3.upload_part(**said, UploadId=id_, PartNumber=1, Body=DATA)
    done = {**said, "UploadId": id_, "MultipartUpload": {"Parts": [{"PartNumber": 1, "ETag": sent["ETag"]}]}}
    with pytest.raises(ClientError) as refused:
        s3.complete_multipart_upload(**done, ChecksumCRC32=text(bytes(4)), ChecksumType="FULL_OBJECT")
    assert code(refused) == "BadDigest"
    with pytest.raises(ClientError) as refused:
        s3.complete_multipart_upload(**done, MpuObjectSize=10)
    assert code(refused) == "InvalidRequest"
    s3.complete_multipart_upload(
        **done, ChecksumCRC32=text(KNOWN["CRC32"]), ChecksumType="FULL_OBJECT", MpuObjectSize=9
    )


def put_chunks(server: RunningS3, bucket: str, body: bytes, **headers: str) -> Answer:
    said = {
        "content-encoding": "aws-chunked",
        "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "x-amz-trailer": "x-amz-checksum-crc32",
        "x-amz-decoded-content-length": "9",
    }
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return server.send("PUT", f"/{bucket}/k", body, {**said, **sent})


CRC = b"x-amz-checksum-crc32:" + base64.b64encode(zlib.crc32(DATA).to_bytes(4, "big"))
SIGNED = b";chunk-signature=" + b"0" * 64


@pytest.mark.parametrize(
    "body",
    [
        b"9\r\n123456789\r\n0\r\n" + CRC + b"\r\n\r\n",
        b"4\r\n1234\r\n5\r\n56789\r\n0\r\n" + CRC + b"\r\n\r\n",
        b"4" + SIGNED + b"\r\n1234\r\n5" + SIGNED + b"\r\n56789\r\n0" + SIGNED + b"\r\n" + CRC
        + b"\r\nx-amz-trailer-signature:" + b"0" * 64 + b"\r\n\r\n",
        b"9\r\n123456789\r\n0\r\n" + CRC.replace(b":", b" : ") + b"\n\r\n",
    ],
    ids=["one", "two", "signed", "odd"],
)  # fmt: skip
def test_a_body_in_chunks(server: RunningS3, bucket: str, body: bytes) -> None:
    assert put_chunks(server, bucket, body).status == 200
    answer = server.send("GET", f"/{bucket}/k")
    assert answer.body == DATA
    assert "content-encoding" not in answer.headers


def test_the_other_encodings_of_a_body_in_chunks_are_kept(server: RunningS3, bucket: str) -> None:
    body = b"9\r\n123456789\r\n0\r\n" + CRC + b"\r\n\r\n"
    assert put_chunks(server, bucket, body, content_encoding="gzip,aws-chunked").status == 200
    assert server.send("GET", f"/{bucket}/k").headers["content-encoding"] == "gzip"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"9\r\n123456789\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n", "BadDigest"),
        (b"9\r\n123456789\r\n0\r\n\r\n", "IncompleteBody"),
        (b"9\r\n123456789\r\n0\r\n" + CRC, "IncompleteBody"),
        (b"9\r\n123456789\r\n", "IncompleteBody"),
        (b"9\r\n12345", "IncompleteBody"),
        (b"8\r\n12345678\r\n0\r\n" + CRC + b"\r\n\r\n", "IncompleteBody"),
        (b"nine\r\n123456789\r\n0\r\n" + CRC + b"\r\n\r\n", "IncompleteBody"),
        (b"9\r\n123456789xx0\r\n" + CRC + b"\r\n\r\n", "IncompleteBody"),
        (b"-9\r\n", "IncompleteBody"),
        (b"0" * 20_000, "IncompleteBody"),
    ],
)
def test_a_body_whose_chunks_are_broken_is_refused(server: RunningS3, bucket: str, body: bytes, expected: str) -> None:
    answer = put_chunks(server, bucket, body)
    assert (answer.status, f"<Code>{expected}</Code>" in answer.body.decode()) == (400, True)
    assert server.send("GET", f"/{bucket}/k").status == 404
