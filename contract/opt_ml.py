"""The /opt/ml directory tree.

Source: "How Amazon SageMaker Provides Training Information" and "How SageMaker Loads Your Model Artifacts", AWS's
developer guide.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from forecastle.contract.environment import BASE_DIR


@dataclass(frozen=True, slots=True)
class OptMl:
    """The folders of a job's input and output, below `base`."""

    base: Path = Path(BASE_DIR.default)
    model_folder: Path | None = None  # where the model is, if not below `base`

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> "OptMl":
        """The tree below `SAGEMAKER_BASE_DIR`, or below /opt/ml."""
        return cls(Path(BASE_DIR.read(environ)))

    @property
    def config(self) -> Path:
        return self.base / "input" / "config"

    @property
    def data(self) -> Path:
        return self.base / "input" / "data"

    @property
    def model(self) -> Path:
        return self.model_folder or self.base / "model"

    @property
    def checkpoints(self) -> Path:
        return self.base / "checkpoints"

    @property
    def failure(self) -> Path:
        return self.base / "output" / "failure"

    @property
    def output_data(self) -> Path:
        return self.base / "output" / "data"
