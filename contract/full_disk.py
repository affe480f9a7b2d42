"""The error for a disk without space."""

import errno

from forecastle.contract.errors import OutOfSpace
from forecastle.contract.place import Source

_FULL = (errno.ENOSPC, errno.EDQUOT)


def is_full(error: OSError) -> bool:
    """Whether the disk, or the user's share of it, has no space left."""
    return error.errno in _FULL


def out_of_space(name: str) -> OutOfSpace:
    """The error for a file whose disk is full."""
    return OutOfSpace("no space left on its disk.", place=(Source(name),))
