"""The demo, if it cannot be shown."""

import subprocess
import sys
from pathlib import Path

from forecastle.contract.errors import InvalidJob
from tests.training.tree import REPOSITORY


def test_without_matplotlib_the_demo_fails_before_it_trains(tmp_path: Path) -> None:
    hidden = (
        "import sys; sys.modules['matplotlib'] = None; "
        "from forecastle.container.cli import main; sys.exit(main(['demo']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", hidden],
        cwd=tmp_path,
        env={"PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == InvalidJob.exit_code
    assert done.stderr == (
        "forecastle: The demo draws with matplotlib, which is not installed: pip install 'forecastle[demo]'.\n"
    )
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []
