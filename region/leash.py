"""`python -I -S leash.py PARENT COMMAND…`: run COMMAND, which the kernel kills when the process PARENT ends."""

import ctypes
import os
import signal
import sys

LEASH = __file__
PR_SET_PDEATHSIG = 1


def main() -> None:
    parent, *command = sys.argv[1:]
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL))
    if os.getppid() != int(parent):  # it ended before the line above
        sys.exit(1)
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
