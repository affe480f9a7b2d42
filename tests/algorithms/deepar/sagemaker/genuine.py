"""The genuine artifacts, which lie beside the project and are no part of it."""

from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[5] / "shared" / "artifacts"
MONTHLY, DAILY = FOLDER / "deepar_monthly", FOLDER / "deepar_daily"

needs_artifacts = pytest.mark.skipif(
    not MONTHLY.is_dir(), reason=f"{FOLDER} is not there: SageMaker's own models may not be copied into the project"
)
