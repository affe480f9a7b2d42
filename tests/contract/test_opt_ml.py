"""The /opt/ml directory tree."""

from pathlib import Path

from forecastle.contract.opt_ml import OptMl


def test_the_tree_is_sagemakers() -> None:
    tree = OptMl.from_environ({})
    assert tree.config == Path("/opt/ml/input/config")
    assert tree.data == Path("/opt/ml/input/data")
    assert tree.model == Path("/opt/ml/model")
    assert tree.checkpoints == Path("/opt/ml/checkpoints")
    assert tree.failure == Path("/opt/ml/output/failure")
    assert tree.output_data == Path("/opt/ml/output/data")


def test_the_base_moves_with_its_setting() -> None:
    assert OptMl.from_environ({"SAGEMAKER_BASE_DIR": "/tmp/ml"}).model == Path("/tmp/ml/model")
    assert OptMl.from_environ({"SAGEMAKER_BASE_DIR": ""}).model == Path("/opt/ml/model")


def test_the_model_alone_can_be_elsewhere() -> None:
    tree = OptMl(model_folder=Path("here"))
    assert tree.model == Path("here")
    assert tree.data == Path("/opt/ml/input/data")
