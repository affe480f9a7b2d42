"""The threads of OpenBLAS, the library of linear algebra in numpy's and scipy's wheels.

It starts a thread for each further core when it is loaded. Idle threads wait busily for 2^26 cycles, about 50 ms of
each core, before they sleep.

Source: OpenBLAS's `driver/others/blas_server.c`: the exponent can be set from 4 to 30.
"""

from collections.abc import MutableMapping


def let_idle_threads_sleep(environ: MutableMapping[str, str]) -> None:
    """Let idle threads sleep at once, unless the user has set how long they wait.

    `environ` is the process's own environment; numpy must not have been imported.
    """
    environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "4")
