"""Write the golden RecordIO files with SageMaker's own Python SDK.

    python3.11 -m venv sdk && sdk/bin/pip install 'sagemaker<3' scipy
    sdk/bin/python tests/golden/recordio/make.py

The tests hold the same arrays against these bytes in both directions: see `cases`.
"""

from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).parent

Case = tuple[Any, Any]  # matrix, labels


def cases() -> dict[str, Case]:
    """Every golden file: its stem, the matrix in it, and its labels or None. Those of `sparse_…` are mostly zeros."""
    random = np.random.default_rng(20)
    dense = random.normal(scale=1000, size=(7, 5))
    sparse = np.where(random.random((6, 300)) < 0.03, random.normal(scale=1000, size=(6, 300)), 0.0)
    sparse[2] = 0  # a row without any value
    dtypes = {"float32": np.float32, "float64": np.float64, "int": np.int64}
    matrices = {
        f"{kind}_{name}": matrix.astype(dtype)
        for kind, matrix in (("dense", dense), ("sparse", sparse))
        for name, dtype in dtypes.items()
    }
    matrices["dense_wide_float32"] = random.normal(size=(2, 3000)).astype(np.float32)  # lengths of more than a byte
    unlabelled: dict[str, Case] = {name: (matrix, None) for name, matrix in matrices.items()}
    labelled: dict[str, Case] = {
        f"{kind}_{name}_labels": (matrices[f"{kind}_{name}"], np.arange(len(matrices[f"{kind}_{name}"])).astype(dtype))
        for kind in ("dense", "sparse")
        for name, dtype in dtypes.items()
    }
    return unlabelled | labelled


def main() -> None:
    """Write all files."""
    from sagemaker.amazon.common import (  # type: ignore[import-not-found]
        _write_recordio,
        write_numpy_to_dense_tensor,
        write_spmatrix_to_sparse_tensor,
    )
    from sagemaker.amazon.record_pb2 import Record  # type: ignore[import-not-found]
    from scipy.sparse import csr_matrix

    for name, (matrix, labels) in cases().items():
        with (FOLDER / f"{name}.pbr").open("wb") as file:
            if name.startswith("sparse"):
                write_spmatrix_to_sparse_tensor(file, csr_matrix(matrix), labels)
            else:
                write_numpy_to_dense_tensor(file, matrix, labels)
    with (FOLDER / "scores.pbr").open("wb") as file:
        for score in SCORES:
            record = Record()
            record.label["score"].float32_tensor.values.append(score)
            _write_recordio(file, record.SerializeToString())


SCORES = [0.9257140159606934, 1.0, 4.6458]

if __name__ == "__main__":
    main()
