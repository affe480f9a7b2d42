"""Uploads in parts through boto3."""

import hashlib
import io
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from forecastle.region.s3.store import Store
from tests.region.s3.conftest import Start
from tests.region.s3.test_objects import code

MIB = 1 << 20
FIRST, SECOND = b"1" * 5 * MIB, b"2" * 1000


def upload(s3: Any, bucket: str, key: str, *parts: bytes, **said: Any) -> Any:
    """An upload of these parts, completed."""
    begun = s3.create_multipart_upload(Bucket=bucket, Key=key, **said)
    named, by = [], {name: said[name] for name in ("ChecksumAlgorithm",) if name in said}
    for number, part in enumerate(parts, 1):
        sent = s3.upload_part(Bucket=bucket, Key=key, UploadId=begun["UploadId"], PartNumber=number, Body=part, **by)
        checksums = {name: sent[name] for name in sent if name.startswith("Checksum")}
        named.append({"PartNumber": number, "ETag": sent["ETag"], **checksums})
    completed = {"Bucket": bucket, "Key": key, "UploadId": begun["UploadId"], "MultipartUpload": {"Parts": named}}
    return s3.complete_multipart_upload(**completed)


def test_parts_become_an_object(s3: Any, bucket: str) -> None:
    done = upload(s3, bucket, "k", FIRST, SECOND, Metadata={"m": "v"}, ContentType="text/plain")
    digests = hashlib.md5(FIRST).digest() + hashlib.md5(SECOND).digest()
    assert done["ETag"] == f'"{hashlib.md5(digests).hexdigest()}-2"'
    got = s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert got["Body"].read() == FIRST + SECOND
    assert (got["ETag"], got["Metadata"], got["ContentType"]) == (done["ETag"], {"m": "v"}, "text/plain")
    across = s3.get_object(Bucket=bucket, Key="k", Range=f"bytes={5 * MIB - 2}-{5 * MIB + 1}")
    assert across["Body"].read() == b"1122"


def test_a_part_is_read_by_its_number(s3: Any, bucket: str) -> None:
    upload(s3, bucket, "k", FIRST, SECOND)
    got = s3.get_object(Bucket=bucket, Key="k", PartNumber=2)
    assert (got["Body"].read(), got["PartsCount"]) == (SECOND, 2)
    assert got["ContentRange"] == f"bytes {5 * MIB}-{5 * MIB + 999}/{5 * MIB + 1000}"
    assert s3.head_object(Bucket=bucket, Key="k", PartNumber=1)["ContentLength"] == 5 * MIB
    with pytest.raises(ClientError) as refused:
        s3.get_object(Bucket=bucket, Key="k", PartNumber=3)
    assert code(refused) == "InvalidPartNumber"
    attributes = s3.get_object_attributes(
        Bucket=bucket, Key="k", ObjectAttributes=["ObjectParts", "ObjectSize", "ETag"]
    )
    assert [part["Size"] for part in attributes["ObjectParts"]["Parts"]] == [5 * MIB, 1000]
    assert attributes["ObjectSize"] == 5 * MIB + 1000


def test_boto3s_managed_uploads_can_be_read(s3: Any, bucket: str) -> None:
    data = bytes(range(256)) * (20 * MIB // 256) + b"end"
    s3.upload_fileobj(io.BytesIO(data), bucket, "big")
    got = io.BytesIO()
    s3.download_fileobj(bucket, "big", got)
    assert got.getvalue() == data
    assert s3.head_object(Bucket=bucket, Key="big")["ETag"].endswith('-3"')


def test_uploads_and_parts_are_listed_in_pages(s3: Any, bucket: str) -> None:
    ids = [s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"] for key in ("a/1", "a/2", "b", "b")]
    pages = s3.get_paginator("list_multipart_uploads").paginate(Bucket=bucket, PaginationConfig={"PageSize": 1})
    found = [(entry["Key"], entry["UploadId"]) for page in pages for entry in page.get("Uploads", [])]
    assert sorted(found) == sorted(zip(["a/1", "a/2", "b", "b"], ids, strict=True))
    pages = s3.get_paginator("list_multipart_uploads").paginate(
        Bucket=bucket, Delimiter="/", PaginationConfig={"PageSize": 1}
    )
    assert [entry["Prefix"] for page in pages for entry in page.get("CommonPrefixes", [])] == ["a/"]
    for number in (7, 2, 5):
        s3.upload_part(Bucket=bucket, Key="b", UploadId=ids[2], PartNumber=number, Body=b"x" * number)
    s3.upload_part(Bucket=bucket, Key="b", UploadId=ids[2], PartNumber=5, Body=b"again")
    asked = {"Bucket": bucket, "Key": "b", "UploadId": ids[2], "PaginationConfig": {"PageSize": 2}}
    parts = [part for page in s3.get_paginator("list_parts").paginate(**asked) for part in page["Parts"]]
    assert [(part["PartNumber"], part["Size"]) for part in parts] == [(2, 2), (5, 5), (7, 7)]


def test_an_aborted_upload_leaves_no_file(start: Start) -> None:
    running = start()
    s3 = running.client()
    s3.create_bucket(Bucket="bucket")
    id_ = s3.create_multipart_upload(Bucket="bucket", Key="k")["UploadId"]
    s3.upload_part(Bucket="bucket", Key="k", UploadId=id_, PartNumber=1, Body=bytes(50_000))
    s3.upload_part(Bucket="bucket", Key="k", UploadId=id_, PartNumber=1, Body=bytes(60_000))
    assert len(files(running.folder)) == 1
    s3.abort_multipart_upload(Bucket="bucket", Key="k", UploadId=id_)
    with pytest.raises(ClientError) as refused:
        s3.upload_part(Bucket="bucket", Key="k", UploadId=id_, PartNumber=2, Body=b"x")
    assert code(refused) == "NoSuchUpload"
    assert files(running.folder) == []


def test_parts_that_are_not_used_are_removed(start: Start) -> None:
    running = start()
    s3 = running.client()
    s3.create_bucket(Bucket="bucket")
    id_ = s3.create_multipart_upload(Bucket="bucket", Key="k")["UploadId"]
    etags = [
        s3.upload_part(Bucket="bucket", Key="k", UploadId=id_, PartNumber=number, Body=b"%d" % number * 50_000)["ETag"]
        for number in (1, 2)
    ]
    named = {"Parts": [{"PartNumber": 2, "ETag": etags[1]}]}
    s3.complete_multipart_upload(Bucket="bucket", Key="k", UploadId=id_, MultipartUpload=named)
    assert s3.get_object(Bucket="bucket", Key="k")["Body"].read() == b"2" * 50_000
    assert len(files(running.folder)) == 1


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ([(2, "e2"), (1, "e1")], "InvalidPartOrder"),
        ([(1, "e1"), (1, "e1")], "InvalidPartOrder"),
        ([(1, "e2")], "InvalidPart"),
        ([(3, "e1")], "InvalidPart"),
        ([(1, "e1"), (2, "e2")], "EntityTooSmall"),
        ([], "MalformedXML"),
    ],
)
def test_an_invalid_list_of_parts_is_refused(s3: Any, bucket: str, named: list[tuple[int, str]], expected: str) -> None:
    id_ = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    etags = {
        f"e{number}": s3.upload_part(Bucket=bucket, Key="k", UploadId=id_, PartNumber=number, Body=body)["ETag"]
        for number, body in ((1, b"small"), (2, b"also small"))
    }
    parts = {"Parts": [{"PartNumber": number, "ETag": etags[etag]} for number, etag in named]}
    with pytest.raises(ClientError) as refused:
        s3.complete_multipart_upload(Bucket=bucket, Key="k", UploadId=id_, MultipartUpload=parts)
    assert code(refused) == expected
    assert len(s3.list_parts(Bucket=bucket, Key="k", UploadId=id_)["Parts"]) == 2


def test_part_numbers_are_between_1_and_10000(s3: Any, bucket: str) -> None:
    id_ = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    s3.upload_part(Bucket=bucket, Key="k", UploadId=id_, PartNumber=10_000, Body=b"x")
    for number in (0, 10_001):
        with pytest.raises(ClientError) as refused:
            s3.upload_part(Bucket=bucket, Key="k", UploadId=id_, PartNumber=number, Body=b"x")
        assert code(refused) == "InvalidArgument"


def test_completing_an_upload_checks_conditions(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"there")
    id_ = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    etag = s3.upload_part(Bucket=bucket, Key="k", UploadId=id_, PartNumber=1, Body=b"new")["ETag"]
    done = {
        "Bucket": bucket,
        "Key": "k",
        "UploadId": id_,
        "MultipartUpload": {"Parts": [{"PartNumber": 1, "ETag": etag}]},
    }
    with pytest.raises(ClientError) as refused:
        s3.complete_multipart_upload(**done, IfNoneMatch="*")
    assert code(refused) == "PreconditionFailed"
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"there"
    s3.complete_multipart_upload(**done)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"new"


def test_parts_are_copied_from_objects(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="source", Body=FIRST + SECOND)
    id_ = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    source = {"Bucket": bucket, "Key": "source"}
    ranges = [f"bytes=0-{5 * MIB - 1}", f"bytes={5 * MIB}-{5 * MIB + 9}"]
    named = []
    for number, part in enumerate(ranges, 1):
        copied = s3.upload_part_copy(
            Bucket=bucket, Key="k", UploadId=id_, PartNumber=number, CopySource=source, CopySourceRange=part
        )
        named.append({"PartNumber": number, "ETag": copied["CopyPartResult"]["ETag"]})
    s3.complete_multipart_upload(Bucket=bucket, Key="k", UploadId=id_, MultipartUpload={"Parts": named})
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == FIRST + b"2" * 10
    with pytest.raises(ClientError) as refused:
        s3.upload_part_copy(
            Bucket=bucket, Key="k", UploadId=id_, PartNumber=1, CopySource=source, CopySourceRange="bytes=0-9999999"
        )
    assert code(refused) == "NoSuchUpload"


def test_a_copy_of_an_object_in_parts_has_the_etag_of_its_bytes(s3: Any, bucket: str) -> None:
    upload(s3, bucket, "k", FIRST, SECOND)
    copied = s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "k"})
    assert copied["CopyObjectResult"]["ETag"] == f'"{hashlib.md5(FIRST + SECOND).hexdigest()}"'
    assert s3.get_object(Bucket=bucket, Key="copy")["Body"].read() == FIRST + SECOND


def test_the_parts_of_a_linked_object_are_joined_once(start: Start, tmp_path: Path) -> None:
    running = start()
    s3 = running.client()
    s3.create_bucket(Bucket="bucket")
    upload(s3, "bucket", "k", FIRST, SECOND)
    running.stop()
    store = Store(running.folder)
    with store.open("bucket", "k") as before:
        store.link("bucket", "k", tmp_path / "linked")
        assert before.read() == FIRST + SECOND
    store.link("bucket", "k", tmp_path / "again")
    assert (tmp_path / "linked").read_bytes() == FIRST + SECOND
    assert (tmp_path / "linked").stat().st_ino == (tmp_path / "again").stat().st_ino
    assert len(files(running.folder)) == 1
    assert store.read("bucket", "k") == FIRST + SECOND
    store.close()
    running.start()
    got = running.client().get_object(Bucket="bucket", Key="k", PartNumber=2)
    assert (got["Body"].read(), got["ETag"][-3:]) == (SECOND, '-2"')


def files(folder: Path) -> list[Path]:
    return [path for path in (folder / "data").rglob("*") if path.is_file()]
