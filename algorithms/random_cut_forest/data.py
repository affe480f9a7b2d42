"""Rows in the forms usual in Python, and results with the rows' index."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def is_pandas(X: Any) -> bool:
    """Whether `X` is a Series or a DataFrame of pandas, without importing pandas."""
    return type(X).__module__.partition(".")[0] == "pandas" and hasattr(X, "index") and hasattr(X, "iloc")


def table_of(X: Any) -> Any:
    """`X`, with a pandas Series as a DataFrame of one column."""
    return X.to_frame() if is_pandas(X) and not hasattr(X, "columns") else X


def indexed(values: NDArray[Any], X: Any) -> Any:
    """A result for each row, (n,): on the index of `X` if it is a pandas object."""
    if not is_pandas(X):
        return values
    import pandas

    return pandas.Series(values, index=X.index)


def labelled(values: NDArray[Any], X: Any) -> Any:
    """A result for each row and column, (n, d): with the index and columns of `X` if it is a pandas object."""
    if not is_pandas(X):
        return values
    import pandas

    table = table_of(X)
    return pandas.DataFrame(values, index=table.index, columns=table.columns)


def rows_of(X: Any) -> NDArray[np.float64]:
    """The numbers of `X`, (n, d). Raises `ValueError` with the place of a number that is missing or infinite."""
    table = table_of(X)
    try:
        rows = np.asarray(table, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError("X: expected rows of numbers, got something else in some of them.") from None
    if rows.ndim != 2 or not rows.size:
        raise ValueError(f"X: expected rows of numbers, (rows, columns), got an array of shape {rows.shape}.")
    if not np.isfinite(rows).all():
        row, column = np.argwhere(~np.isfinite(rows))[0].tolist()
        raise ValueError(f"X[{row}, {column}]: expected a finite number, got {rows[row, column]}.")
    return rows


def times_of(X: Any) -> NDArray[Any] | None:
    """The times in the index of `X`, (n,); None if it has none."""
    if not is_pandas(X):
        return None
    index = X.index.to_timestamp() if hasattr(X.index, "to_timestamp") else X.index
    times: NDArray[Any] = np.asarray(index)
    return times if times.dtype.kind == "M" else None
