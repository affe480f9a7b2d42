"""The notebook's picture of anomalies: values, scores and a cut-off."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecastle.algorithms import chart
from forecastle.algorithms.chart import Chart
from forecastle.algorithms.random_cut_forest.anomaly_chart import anomaly_panel
from forecastle.algorithms.random_cut_forest.data import is_pandas, rows_of, table_of, times_of
from forecastle.contract.errors import InvalidJob


def figure_of(
    X: Any, scores: NDArray[np.floating[Any]], *, column: Any, threshold: float | None, sigmas: float = 3.0
) -> Any:
    """matplotlib's figure of one column of `X` and of the scores, (n,), of its rows.

    Raises `ValueError` and, if matplotlib is not installed, `ImportError`.
    """
    table = table_of(X)
    if is_pandas(X):
        names = list(table.columns)
        name = names[0] if column is None else column
        if name not in names:
            raise ValueError(f"column: expected the name of a column of X, got {column!r:.40}.")
        number = names.index(name)
    else:
        number = 0 if column is None else column
        name = f"Column {number}"
    rows = rows_of(X)
    if not 0 <= number < rows.shape[1]:
        raise ValueError(f"column: expected a number from 0 to {rows.shape[1] - 1}, got {column!r:.40}.")
    panel = anomaly_panel(
        "Values and their anomaly scores",
        rows[:, number],
        np.asarray(scores),
        sigmas=sigmas,
        threshold=threshold,
        times=times_of(X),
        left=str(name),
    )
    try:
        return chart.figure_of(Chart([panel]))
    except InvalidJob as error:
        raise ImportError(error.sentence) from None
