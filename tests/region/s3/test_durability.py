"""What survives: kill -9, clients that leave, a full disk; and what a transfer takes in memory."""

import hashlib
import random
import resource
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from forecastle.region.s3.blobs import SMALL
from tests.region.s3.conftest import Start
from tests.region.s3.running_s3 import RunningS3
from tests.region.s3.test_multipart import files

MIB = 1 << 20


def test_kill_9_loses_nothing_that_was_acknowledged(start: Start) -> None:
    """Four writers put, copy, delete and upload in parts while the server is killed at twenty random moments.

    Afterwards, acknowledged changes are complete, others are complete or absent, and every file belongs to an object.
    """
    running = start()
    running.client().create_bucket(Bucket="bucket")
    chance = random.Random(20)
    writers = [Writer(f"writer{number}", number) for number in range(4)]
    for _ in range(20):
        threads = [threading.Thread(target=writer.write, args=(running.client(),)) for writer in writers]
        for thread in threads:
            thread.start()
        time.sleep(chance.uniform(0.02, 0.4))
        running.stop(signal.SIGKILL)
        for thread in threads:
            thread.join()
        running.start()
        s3 = running.client()
        for writer in writers:
            writer.check(s3)
        sizes = [entry["Size"] for entry in s3.list_objects_v2(Bucket="bucket").get("Contents", [])]
        for upload in s3.list_multipart_uploads(Bucket="bucket").get("Uploads", []):
            parts = s3.list_parts(Bucket="bucket", Key=upload["Key"], UploadId=upload["UploadId"])
            sizes += [part["Size"] for part in parts.get("Parts", [])]
        assert len(files(running.folder)) == sum(size > SMALL for size in sizes)
    assert sum(writer.done for writer in writers) > 40


class Writer:
    """Changes its objects until the server fails, and knows the possible states of each afterwards."""

    def __init__(self, name: str, seed: int) -> None:
        self.name, self.chance, self.done = name, random.Random(seed), 0
        self.known: dict[str, bytes | None] = {}
        self.open: tuple[str, bytes | None] | None = None  # what was asked for last, and never answered

    def write(self, s3: Any) -> None:
        try:
            while True:
                self.change(s3, f"{self.name}/{self.chance.randrange(2)}")
                self.done += 1
        except (BotoCoreError, ClientError, KeyError):  # a KeyError: only the answer's head arrived
            return

    def change(self, s3: Any, key: str) -> None:
        said = {"Bucket": "bucket", "Key": key}
        data = self.chance.randbytes(self.chance.choice([0, 1000, 40_000, 300_000]))
        kind = self.chance.choice(["put"] * 5 + ["copy", "parts", "delete"])
        source = next((other for other, value in self.known.items() if value is not None and other != key), None)
        if kind == "copy" and source is not None:
            self.open = key, self.known[source]
            s3.copy_object(**said, CopySource=f"bucket/{source}")
        elif kind == "parts":
            self.open = key, data
            upload = {**said, "UploadId": s3.create_multipart_upload(**said)["UploadId"]}
            etag = s3.upload_part(**upload, PartNumber=1, Body=data)["ETag"]
            s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]})
        elif kind == "delete":
            self.open = key, None
            s3.delete_object(**said)
        else:
            self.open = key, data
            s3.put_object(**said, Body=data)
        self.known[key] = self.open[1]
        self.open = None

    def check(self, s3: Any) -> None:
        for key in {*self.known, *([self.open[0]] if self.open else [])}:
            try:
                found: bytes | None = s3.get_object(Bucket="bucket", Key=key)["Body"].read()
            except s3.exceptions.NoSuchKey:
                found = None
            allowed = [self.known.get(key)]
            if self.open and self.open[0] == key:
                allowed.append(self.open[1])
            assert found in allowed
            self.known[key] = found
        self.open = None


def test_a_client_that_disconnects_during_an_upload_leaves_no_file(start: Start) -> None:
    running = start()
    s3 = running.client()
    s3.create_bucket(Bucket="bucket")
    s3.put_object(Bucket="bucket", Key="k", Body=b"before" * 10_000)
    with socket.create_connection(("127.0.0.1", running.port)) as client:
        client.sendall(b"PUT /bucket/k HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10000000\r\n\r\n" + b"x" * MIB)
        await_(lambda: len(files(running.folder)) == 2)
    await_(lambda: len(files(running.folder)) == 1)
    assert s3.get_object(Bucket="bucket", Key="k")["Body"].read() == b"before" * 10_000


def test_a_full_disk_is_an_error_and_loses_nothing(start: Start) -> None:
    """The server may write 20 MB to a file; beyond, it gets what a full disk gives: an OSError."""
    running = start()
    s3 = running.client()
    s3.create_bucket(Bucket="bucket")
    s3.put_object(Bucket="bucket", Key="k", Body=b"before" * 10_000)
    resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, (20 * MIB, 20 * MIB))
    with pytest.raises(ClientError) as refused:
        s3.put_object(Bucket="bucket", Key="k", Body=bytes(30 * MIB))
    error = refused.value.response["Error"]
    message = "The store cannot write; its disk may be full: [Errno 27] File too large."
    assert error == {"Code": "InternalError", "Message": message}
    assert s3.get_object(Bucket="bucket", Key="k")["Body"].read() == b"before" * 10_000
    assert len(files(running.folder)) == 1
    s3.put_object(Bucket="bucket", Key="k", Body=b"after")
    assert s3.get_object(Bucket="bucket", Key="k")["Body"].read() == b"after"


def test_a_disk_without_space_for_a_row_is_a_temporary_error(start: Start) -> None:
    """The database cannot grow for a while: what it has stays, and goes on growing when it can."""
    running = start()
    s3 = running.client()
    s3.create_bucket(Bucket="bucket")
    resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, (MIB, resource.RLIM_INFINITY))
    put: list[str] = []

    def fill() -> None:
        while True:
            s3.put_object(Bucket="bucket", Key=f"key{len(put)}", Body=bytes(SMALL))
            put.append(f"key{len(put)}")

    with pytest.raises(ClientError) as refused:
        fill()
    assert refused.value.response["Error"]["Code"] == "InternalError"
    assert refused.value.response["Error"]["Message"].startswith("The store cannot write; its disk may be full: ")
    resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    s3.put_object(Bucket="bucket", Key="later", Body=b"after")
    running.stop(signal.SIGKILL)
    running.start()
    found = [entry["Key"] for entry in running.client().list_objects_v2(Bucket="bucket")["Contents"]]
    assert found == sorted([*put, "later"])


def test_fifty_uploads_at_once(start: Start) -> None:
    running = start()
    running.client().create_bucket(Bucket="bucket")
    bodies = {f"key{number}": random.Random(number).randbytes(2 * MIB + number) for number in range(50)}

    def put(key: str) -> None:
        assert running.send("PUT", f"/bucket/{key}", bodies[key]).status == 200

    with ThreadPoolExecutor(50) as threads:
        list(threads.map(put, bodies))
        list(threads.map(put, bodies))
    assert running.memory() < 100_000_000
    for key, body in bodies.items():
        assert running.send("GET", f"/bucket/{key}").body == body
    assert len(files(running.folder)) == 50


def test_a_large_object_needs_little_memory(start: Start) -> None:
    """200 MB in one request, in parts, and back, in under 100 MB."""
    running = start()
    s3 = running.client()
    s3.create_bucket(Bucket="bucket")
    size = 200 * MIB
    assert put_zeros(running, "/bucket/one", size) == 200
    assert read_all(running, "/bucket/one") == digest_of_zeros(size)
    upload = s3.create_multipart_upload(Bucket="bucket", Key="parts")["UploadId"]
    named = []
    for number in (1, 2):
        assert put_zeros(running, f"/bucket/parts?partNumber={number}&uploadId={upload}", size // 2) == 200
        named.append({"PartNumber": number, "ETag": hashlib.md5(bytes(size // 2)).hexdigest()})
    s3.complete_multipart_upload(Bucket="bucket", Key="parts", UploadId=upload, MultipartUpload={"Parts": named})
    s3.copy_object(Bucket="bucket", Key="copy", CopySource="bucket/parts")
    assert read_all(running, "/bucket/copy") == digest_of_zeros(size)
    assert running.memory() < 100_000_000


def put_zeros(running: RunningS3, path: str, size: int) -> int:
    with socket.create_connection(("127.0.0.1", running.port)) as client:
        client.sendall(f"PUT {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {size}\r\n\r\n".encode())
        for _ in range(size // MIB):
            client.sendall(bytes(MIB))
        return int(client.recv(1000).split()[1])


def read_all(running: RunningS3, path: str) -> str:
    digest = hashlib.md5()
    with socket.create_connection(("127.0.0.1", running.port)) as client:
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        reader = client.makefile("rb")
        while reader.readline() not in (b"\r\n", b""):
            pass
        while data := reader.read(MIB):
            digest.update(data)
    return digest.hexdigest()


def digest_of_zeros(size: int) -> str:
    digest = hashlib.md5()
    for _ in range(size // MIB):
        digest.update(bytes(MIB))
    return digest.hexdigest()


def await_(condition: Any) -> None:
    """Wait for what comes soon; a test that waits in vain fails after a minute."""
    for _ in range(6000):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("waited in vain")


def test_a_store_on_a_full_disk_can_be_moved(start: Start, tmp_path: Path) -> None:
    running = start()
    s3 = running.client()
    s3.create_bucket(Bucket="bucket")
    s3.put_object(Bucket="bucket", Key="k", Body=b"bytes")
    running.stop()
    running.folder = running.folder.rename(tmp_path / "moved")
    running.start()
    assert running.client().get_object(Bucket="bucket", Key="k")["Body"].read() == b"bytes"
