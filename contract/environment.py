"""Environment variables that are also read without the table of settings: their names and defaults.

A job must find the folder for its failure file even if another setting is invalid, and a health check starts too often
to import pydantic for the whole table.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Variable:
    """An environment variable; an empty one counts as not set."""

    name: str
    default: str

    def read(self, environ: Mapping[str, str]) -> str:
        name = self.name
        return environ.get(name) or self.default


BASE_DIR = Variable("SAGEMAKER_BASE_DIR", "/opt/ml")
PORT = Variable("SAGEMAKER_BIND_TO_PORT", "8080")
