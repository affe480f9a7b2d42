"""`python -I -S leash.py PARENT SIGNAL COMMAND…`: run COMMAND, which gets the signal when the process PARENT ends."""

import ctypes
import os
import signal
import sys
from collections.abc import Sequence

PR_SET_PDEATHSIG = 1


def leashed(command: Sequence[str], number: int = signal.SIGKILL) -> list[str]:
    """The command line of a command that gets a signal from the kernel when this process ends."""
    return [sys.executable, "-I", "-S", __file__, str(os.getpid()), str(int(number)), *command]


def main() -> None:
    parent, number, *command = sys.argv[1:]
    for ignored in (signal.SIGPIPE, signal.SIGXFSZ):  # by Python; the command would ignore them, too
        signal.signal(ignored, signal.SIG_DFL)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(number))
    if os.getppid() != int(parent):  # it ended before the line above
        sys.exit(1)
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
