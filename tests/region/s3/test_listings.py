"""Listings of keys through boto3, against what the definition of prefix and delimiter says."""

import random
import sqlite3
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.region.s3.conftest import Start
from tests.region.s3.running_s3 import RunningS3
from tests.region.s3.test_objects import code

KEYS = sorted(
    ["a", "a/", "a/b", "a/b/c", "a/b/d", "a/c", "a0", "b//c", "b/c", "c-d", "é/à", "日本/語", "z z", "z+z", "z%2Fz"],
    key=str.encode,
)


@pytest.fixture(scope="module")
def listed(s3: Any) -> str:
    s3.create_bucket(Bucket="listed")
    for key in random.Random(1).sample(KEYS, len(KEYS)):
        s3.put_object(Bucket="listed", Key=key, Body=key.encode())
    return "listed"


def rolled_up(prefix: str, delimiter: str) -> list[str]:
    """Keys, and common prefixes in their place, by the definition."""
    entries = []
    for key in KEYS:
        if key.startswith(prefix):
            cut = key.find(delimiter, len(prefix)) if delimiter else -1
            entries.append(key if cut < 0 else key[: cut + len(delimiter)] + "…")
    return list(dict.fromkeys(entries))


def entries_of(page: Any) -> list[str]:
    keys = [entry["Key"] for entry in page.get("Contents", [])]
    prefixes = [entry["Prefix"] + "…" for entry in page.get("CommonPrefixes", [])]
    return sorted(keys + prefixes, key=lambda entry: entry.removesuffix("…").encode())


@example(operation="list_objects", prefix="", delimiter="/b", size=1)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    operation=st.sampled_from(["list_objects_v2", "list_objects", "list_object_versions"]),
    prefix=st.sampled_from(["", "a", "a/", "a/b", "b/", "é", "nothing", "z"]),
    delimiter=st.sampled_from(["", "/", "b", "/b", "z"]),
    size=st.integers(1, 16),
)
def test_pages_of_any_size_are_the_whole_list(
    s3: Any, listed: str, operation: str, prefix: str, delimiter: str, size: int
) -> None:
    asked = {"Bucket": listed, "Prefix": prefix, "PaginationConfig": {"PageSize": size}}
    if delimiter or operation == "list_objects":
        asked["Delimiter"] = delimiter
    found: list[str] = []
    for page in s3.get_paginator(operation).paginate(**asked):
        if operation == "list_object_versions":
            page = {**page, "Contents": page.get("Versions", [])}
        entries = entries_of(page)
        assert len(entries) <= size
        found += entries
    assert found == rolled_up(prefix, delimiter)


def test_start_after_a_key(s3: Any, listed: str) -> None:
    page = s3.list_objects_v2(Bucket=listed, StartAfter="a/b", MaxKeys=3, FetchOwner=True)
    assert [entry["Key"] for entry in page["Contents"]] == ["a/b/c", "a/b/d", "a/c"]
    assert (page["StartAfter"], page["KeyCount"], page["IsTruncated"]) == ("a/b", 3, True)
    assert len(page["Contents"][0]["Owner"]["ID"]) == 64


def test_keys_are_url_encoded_if_the_client_asks(server: RunningS3, listed: str) -> None:
    encoded = server.send("GET", f"/{listed}?list-type=2&prefix=z&encoding-type=url").body.decode()
    for written in ("<Key>z%20z</Key>", "<Key>z%2Bz</Key>", "<Key>z%252Fz</Key>", "<EncodingType>url</EncodingType>"):
        assert written in encoded
    plain = server.send("GET", f"/{listed}?list-type=2&prefix=%E6%97%A5").body.decode()
    assert "<Key>日本/語</Key>" in plain


def test_a_request_needs_no_keys(s3: Any, listed: str) -> None:
    page = s3.list_objects_v2(Bucket=listed, MaxKeys=0)
    assert (page["KeyCount"], page["IsTruncated"]) == (0, False)


@pytest.mark.parametrize(
    "query",
    ["list-type=2&max-keys=x", "list-type=2&max-keys=-1", "list-type=2&continuation-token=%21", "encoding-type=no"],
)
def test_a_query_that_cannot_be_read_is_refused(server: RunningS3, listed: str, query: str) -> None:
    answer = server.send("GET", f"/{listed}?{query}")
    assert (answer.status, b"<Code>InvalidArgument</Code>" in answer.body) == (400, True)


def test_a_prefix_of_many_keys_costs_one_step(start: Start) -> None:
    """20,000 keys below two prefixes are two entries of one page."""
    running = start()
    s3 = running.client()
    s3.create_bucket(Bucket="many")
    running.stop()
    with sqlite3.connect(running.folder / "s3.db") as connection:
        connection.executemany(
            "INSERT INTO objects (bucket, key, size, etag, modified, parts, description, checksum_algorithm, checksum, "
            "checksum_kind) VALUES ('many', ?, 0, '', 0, 0, '{}', 'CRC32', '', '')",
            [(f"{number % 2}/{number}".encode(),) for number in range(20_000)],
        )
    connection.close()
    running.start()
    page = running.client().list_objects_v2(Bucket="many", Delimiter="/")
    assert [entry["Prefix"] for entry in page["CommonPrefixes"]] == ["0/", "1/"]
    assert "Contents" not in page


def test_listing_a_missing_bucket_is_refused(s3: Any) -> None:
    for call in (s3.list_objects_v2, s3.list_objects, s3.list_object_versions, s3.list_multipart_uploads):
        with pytest.raises(ClientError) as refused:
            call(Bucket="not-there")
        assert code(refused) == "NoSuchBucket"
