"""Two trained models, one of text and one of RecordIO."""

from pathlib import Path

import pytest

from forecastle.contract.opt_ml import OptMl
from tests.algorithms.seq2seq import jobs


@pytest.fixture(scope="session")
def text_job(tmp_path_factory: pytest.TempPathFactory) -> OptMl:
    tree = jobs.of_text(tmp_path_factory.mktemp("text"))
    jobs.log_of(tree)
    return tree


@pytest.fixture(scope="session")
def record_job(tmp_path_factory: pytest.TempPathFactory) -> OptMl:
    tree = jobs.of_records(tmp_path_factory.mktemp("records"))
    jobs.log_of(tree)
    return tree


@pytest.fixture(scope="session")
def text_model(text_job: OptMl) -> Path:
    return text_job.model


@pytest.fixture(scope="session")
def record_model(record_job: OptMl) -> Path:
    return record_job.model
