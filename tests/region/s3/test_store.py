"""The store as the rest of the region uses it, without HTTP."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from forecastle.region.s3.conditions import Conditions
from forecastle.region.s3.copying import copy
from forecastle.region.s3.entries import Object
from forecastle.region.s3.errors import S3Error
from forecastle.region.s3.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "s3")
    store.create_bucket("models")
    yield store
    store.close()


def test_a_file_is_uploaded_read_listed_and_deleted(store: Store, tmp_path: Path) -> None:
    (tmp_path / "model.tar.gz").write_bytes(b"weights")
    put = store.put_file("models", "job/output/model.tar.gz", tmp_path / "model.tar.gz", metadata={"job": "one"})
    assert store.read("models", "job/output/model.tar.gz") == b"weights"
    assert store.head("models", "job/output/model.tar.gz") == put
    assert put.size == 7
    assert put.description.metadata == {"job": "one"}
    assert [entry.key for entry in store.list("models", "job/")] == ["job/output/model.tar.gz"]
    assert store.delete("models", "job/output/model.tar.gz")
    assert not store.delete("models", "job/output/model.tar.gz")
    assert list(store.list("models")) == []


def test_objects_survive_a_restart(store: Store, tmp_path: Path) -> None:
    store.put_bytes("models", "key", b"bytes")
    store.close()
    again = Store(tmp_path / "s3")
    assert [bucket.name for bucket in again.buckets()] == ["models"]
    assert again.read("models", "key") == b"bytes"
    again.close()


def test_a_link_shares_the_bytes_of_the_object(store: Store, tmp_path: Path) -> None:
    for data, links in ((b"many bytes" * 10_000, 2), (b"few bytes", 1), (b"", 1)):
        store.put_bytes("models", "key", data)
        store.link("models", "key", tmp_path / "linked")
        assert (tmp_path / "linked").read_bytes() == data
        assert (tmp_path / "linked").stat().st_nlink == links
        assert (tmp_path / "linked").stat().st_mode & 0o777 == 0o444
        store.put_bytes("models", "key", b"others")
        assert (tmp_path / "linked").read_bytes() == data
        with pytest.raises(FileExistsError):
            store.link("models", "key", tmp_path / "linked")
        (tmp_path / "linked").unlink()


def test_an_open_object_can_be_read_after_it_is_replaced_or_deleted(store: Store) -> None:
    for size in (10, 100_000):
        store.put_bytes("models", "key", b"first bytes".rjust(size))
        with store.open("models", "key") as contents:
            store.put_bytes("models", "key", b"others")
            store.delete("models", "key")
            contents.seek(-5, os.SEEK_END)
            assert contents.read() == b"bytes"
            assert contents.seek(-5, os.SEEK_END) == max(size, 11) - 5
            assert contents.read(2) == b"by"


def test_replaced_deleted_and_aborted_objects_leave_no_files(store: Store, tmp_path: Path) -> None:
    def failing() -> Iterator[bytes]:
        yield b"half" * 10_000
        raise OSError("the disk is full")

    store.put_bytes("models", "key", b"one" * 20_000)
    store.put_bytes("models", "key", b"two" * 20_000)
    with store.open("models", "key"):
        store.delete("models", "key")
    with pytest.raises(OSError, match="the disk is full"):
        store.put("models", "key", failing())
    assert [path for path in (tmp_path / "s3/data").rglob("*") if path.is_file()] == []
    assert list(store.list("models")) == []


def test_a_copy_to_a_deleted_bucket_leaves_no_file(store: Store, tmp_path: Path) -> None:
    class Late(Conditions):
        """What holds when it is asked early and no longer in the end."""

        asked: ClassVar[list[str]] = []

        def check_write(self, key: str, current: Object | None) -> None:
            assert current is None
            self.asked.append(key)
            if len(self.asked) > 1:
                raise S3Error("PreconditionFailed")

    store.put_bytes("models", "key", bytes(100_000))
    with store.open("models", "key") as contents, pytest.raises(S3Error):
        copy(store, contents, "models", "copy", conditions=Late())
    assert len([path for path in (tmp_path / "s3/data").rglob("*") if path.is_file()]) == 1


def test_a_file_left_by_a_crash_is_removed_when_the_store_is_opened(store: Store, tmp_path: Path) -> None:
    store.put_bytes("models", "key", b"one")
    store.close()
    (tmp_path / "s3/data/ab/abandoned").write_bytes(b"half")
    again = Store(tmp_path / "s3")
    assert not (tmp_path / "s3/data/ab/abandoned").exists()
    assert again.read("models", "key") == b"one"
    again.close()


def test_an_error_has_awss_code(store: Store) -> None:
    with pytest.raises(S3Error) as missing_key:
        store.head("models", "key")
    assert (missing_key.value.code, missing_key.value.fields) == ("NoSuchKey", {"Key": "key"})
    with pytest.raises(S3Error) as missing_bucket:
        store.put_bytes("nowhere", "key", b"")
    assert missing_bucket.value.code == "NoSuchBucket"
    store.put_bytes("models", "key", b"")
    with pytest.raises(S3Error) as full:
        store.delete_bucket("models")
    assert full.value.code == "BucketNotEmpty"


def test_the_folder_is_for_its_owner_only(store: Store, tmp_path: Path) -> None:
    assert (tmp_path / "s3").stat().st_mode & 0o777 == 0o700
    store.close()


def test_a_store_of_a_later_version_is_refused(store: Store, tmp_path: Path) -> None:
    with store.database.write() as connection:
        connection.execute("PRAGMA user_version = 2")
    store.close()
    with pytest.raises(RuntimeError, match=r"s3\.db is of a later version of forecastle: its schema is 2, ours 1"):
        Store(tmp_path / "s3")


def test_a_listing_has_several_pages(store: Store) -> None:
    keys = [f"{number:05}" for number in range(2_001)]
    with store.database.write() as connection:
        connection.executemany(
            "INSERT INTO objects (bucket, key, size, etag, modified, parts, description, checksum_algorithm, checksum, "
            "checksum_kind) VALUES ('models', ?, 0, '', 0, 0, '{}', 'CRC32', '', '')",
            [(key.encode(),) for key in keys],
        )
    assert [entry.key for entry in store.list("models")] == keys
