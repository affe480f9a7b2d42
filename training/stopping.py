"""How a training job handles SIGTERM."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from forecastle.contract.errors import Stopped


@contextmanager
def sigterm_noted() -> Iterator[Callable[[], bool]]:
    """Within the context, a first SIGTERM makes the yielded function return true; a second ends the process at once.

    Source: "How Amazon SageMaker Stops a Training Job", AWS's developer guide: SIGKILL follows 120 seconds later.
    """
    noted = False  # no threading.Event: its lock could deadlock with the code that the signal interrupts

    def note(signum: int, frame: FrameType | None) -> None:
        nonlocal noted
        del signum, frame
        if noted:
            # The default action would not end process 1, which `train` is in a container.
            os._exit(Stopped.exit_code)
        noted = True

    before = signal.signal(signal.SIGTERM, note)
    try:
        yield lambda: noted
    finally:
        signal.signal(signal.SIGTERM, before)
