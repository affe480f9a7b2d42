"""The memory of the server's process."""

import gc

from forecastle.serving.memory import freeze_live_objects


def test_garbage_collections_which_are_off_while_a_server_starts_begin_with_the_freeze() -> None:
    gc.disable()
    try:
        freeze_live_objects()
        assert gc.isenabled()
        assert gc.get_freeze_count() > 0
    finally:
        gc.enable()
        gc.unfreeze()
