"""The memory that a JSON document takes while it is parsed."""

from forecastle.contract.errors import OutOfSpace, PayloadTooLarge
from forecastle.contract.free_memory import available_memory
from forecastle.contract.place import Source

UNCHECKED_BYTES = 64 * 2**20  # allowed whatever the free memory
SHARE = 0.5  # of the free memory, for one request
BYTES_READ = {b"{": 200, b"[": 64, b",": 48, b'"': 28}  # of Python objects for each delimiter of JSON, at most
COPIES_READ, COPIES_READ_AS_TEXT = 2, 5  # of the body while it is parsed; characters beyond ASCII may take four bytes
BYTES_READ_AT_MOST = 90  # for a byte of JSON: "{}," is an object and a place in a list


def fits(size: int, free: int | None = None) -> bool:
    """Whether a request may take `size` bytes; `free` is the free memory, by default measured."""
    return size <= UNCHECKED_BYTES or size <= SHARE * _available(free)


def require_free(size: int) -> None:
    """Raise `OutOfSpace` if requests that fit one by one take more memory together than is free now."""
    if not fits(size):
        raise OutOfSpace(f"There is too little free memory now for the {size / 1e9:.2g} GB that it takes: retry later.")


def bytes_read(body: bytes) -> int:
    """An estimate of the bytes of a JSON body and of the objects it is parsed into."""
    copies = COPIES_READ if body.isascii() else COPIES_READ_AS_TEXT
    return copies * len(body) + sum(body.count(mark) * each for mark, each in BYTES_READ.items())


def require_readable(body: bytes, hint: str, free: int | None = None) -> None:
    """Raise `PayloadTooLarge`, which says what to do, if parsing a JSON body takes more memory than is free."""
    if fits(len(body) * BYTES_READ_AT_MOST, free):
        return
    size = bytes_read(body)
    if not fits(size, free):
        raise PayloadTooLarge(
            place=(Source("Body"),),
            expected=f"values that fit {SHARE * _available(free) / 1e9:.2g} GB of memory",
            got=f"{len(body)} bytes, which take {size / 1e9:.2g} GB when parsed",
            hint=hint,
        )


def _available(free: int | None) -> int:
    return available_memory() if free is None else free
