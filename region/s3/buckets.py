"""The rows of buckets and their settings."""

from sqlite3 import Connection, IntegrityError

from forecastle.region.s3.entries import BUCKET_COLUMNS, Bucket
from forecastle.region.s3.errors import S3Error
from forecastle.region.s3.names import check_bucket_name


def every(connection: Connection) -> tuple[Bucket, ...]:
    return tuple(Bucket(*row) for row in connection.execute(f"SELECT {BUCKET_COLUMNS} FROM buckets ORDER BY name"))


def one(connection: Connection, name: str) -> Bucket:
    row = connection.execute(f"SELECT {BUCKET_COLUMNS} FROM buckets WHERE name = ?", (name,)).fetchone()
    if row is None:
        check_bucket_name(name)
        raise S3Error("NoSuchBucket", BucketName=name)
    return Bucket(*row)


def create(connection: Connection, name: str, created: float, region: str) -> Bucket:
    bucket = Bucket(name, created, region)
    try:
        connection.execute(f"INSERT INTO buckets ({BUCKET_COLUMNS}) VALUES (?, ?, ?)", (name, created, region))
    except IntegrityError:
        raise S3Error("BucketAlreadyOwnedByYou", BucketName=name) from None
    return bucket


def delete(connection: Connection, name: str) -> set[str]:
    """Delete an empty bucket; return the files of its unfinished uploads."""
    one(connection, name)
    if connection.execute("SELECT 1 FROM objects WHERE bucket = ? LIMIT 1", (name,)).fetchone():
        raise S3Error("BucketNotEmpty", BucketName=name)
    doomed = connection.execute(
        "SELECT blob FROM parts JOIN uploads ON uploads.id = parts.upload WHERE bucket = ?", (name,)
    ).fetchall()
    connection.execute("DELETE FROM buckets WHERE name = ?", (name,))
    return {blob for (blob,) in doomed if blob}


def setting(connection: Connection, bucket: str, name: str) -> str | None:
    """The document of a setting, such as `tagging`."""
    one(connection, bucket)
    row = connection.execute("SELECT document FROM settings WHERE bucket = ? AND name = ?", (bucket, name)).fetchone()
    return None if row is None else str(row[0])


def change_setting(connection: Connection, bucket: str, name: str, document: str | None) -> None:
    """Set a document, or None to delete it."""
    one(connection, bucket)
    connection.execute("DELETE FROM settings WHERE bucket = ? AND name = ?", (bucket, name))
    if document is not None:
        connection.execute("INSERT INTO settings VALUES (?, ?, ?)", (bucket, name, document))
