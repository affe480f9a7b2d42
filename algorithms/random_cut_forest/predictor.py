"""A client for anomaly scores: the predictor of SageMaker's taxi notebook."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from forecastle.algorithms.opened_model import OpenedModel, open_model
from forecastle.algorithms.random_cut_forest.data import indexed, is_pandas, labelled, rows_of
from forecastle.client.endpoint import CSV, Endpoint
from forecastle.client.errors import PredictorError
from forecastle.client.pieces import in_pieces
from forecastle.client.sagemaker import SageMakerEndpoint
from forecastle.client.target import endpoint_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAME = "random_cut_forest"
ATTRIBUTION = "attribution=true"


class RandomCutForestPredictor:
    """Anomaly scores of a Random Cut Forest, local or remote.

    Needs numpy; pandas is optional, and boto3 only for an endpoint of SageMaker's. Rows are sent as CSV, so that a
    server compares them as SageMaker does (docs/random-cut-forest.md, "Scores").

    Parameters
    ----------
    target : str, Path or RandomCutForest
        A server's URL, such as "http://127.0.0.1:8080"; a model's folder or `model.tar.gz`, which is loaded in this
        process; a fitted `forecastle.RandomCutForest`; or the name of an endpoint of SageMaker's, in AWS or a local
        region.
    session : default=None
        For an endpoint: a `boto3.Session`, a `sagemaker.Session` or a client of `sagemaker-runtime`; None takes boto3's
        defaults. SageMaker's SDK 2 passes it to a `predictor_cls`.
    timeout : float, default=60
        Seconds to wait for a server's answer.
    patience : float, default=60
        Seconds in which a request is repeated that a server or an endpoint asks to send later.

    Examples
    --------
    >>> import numpy as np
    >>> from forecastle import RandomCutForest, RandomCutForestPredictor
    >>> forest = RandomCutForest(random_state=0).fit(np.random.default_rng(0).normal(size=(1000, 2)))
    >>> inside, outside = RandomCutForestPredictor(forest).predict([[0.1, 0.2], [9.0, -9.0]])
    >>> bool(outside > 3 * inside)
    True
    """

    def __init__(self, target: Any, session: Any = None, *, timeout: float = 60.0, patience: float = 60.0) -> None:
        self._endpoint: Endpoint = endpoint_of(target, session, timeout=timeout, patience=patience, opened=_opened)

    @property
    def endpoint_name(self) -> str | None:
        """The name of SageMaker's endpoint; None elsewhere."""
        return self._endpoint.name if isinstance(self._endpoint, SageMakerEndpoint) else None

    def predict(self, X: Any) -> Any:
        """The anomaly score of each row of `X`, (n, d): the higher, the more unusual.

        Returns a DataFrame with the column `score` on the index of a DataFrame or a Series, whose values are one
        column; else an array, (n,). Raises `ValueError` with the place of an error in `X`, and `PredictorError` if the
        model refuses the rows or does not answer.
        """
        scores = self._scores(X)
        return indexed(scores, X).to_frame("score") if is_pandas(X) else scores

    def attribution(self, X: Any) -> tuple[Any, Any]:
        """Each column's share in the score, for being too high and for being too low, (n, d) each.

        Of forecastle's models only. They are DataFrames with the index and columns of a DataFrame, else arrays, and sum
        to the score over columns and sides. Raises as `predict` does.
        """
        answers = self._asked(X, ATTRIBUTION)
        if not answers or "attribution" not in answers[0]:
            raise PredictorError("Expected attributions, got scores alone: this is no model of forecastle's.")
        high, low = (np.array([one["attribution"][side] for one in answers]) for side in ("high", "low"))
        return labelled(high, X), labelled(low, X)

    def plot(self, X: Any, *, column: Any = None, sigmas: float = 3.0) -> Figure:
        """The notebook's picture: a column's values, the scores, and dots above their mean plus `sigmas` deviations.

        column : the name of a column of a DataFrame, or its number; the first by default. The times are those of the
            index. Returns matplotlib's figure. Raises as `predict` does, and `ImportError` if matplotlib is not
            installed.
        """
        from forecastle.algorithms.random_cut_forest.picture import figure_of

        figure: Figure = figure_of(X, self._scores(X), column=column, threshold=None, sigmas=sigmas)
        return figure

    def delete_endpoint(self) -> None:
        """Delete SageMaker's endpoint and its configuration; otherwise do nothing."""
        if isinstance(self._endpoint, SageMakerEndpoint):
            self._endpoint.delete()

    def _scores(self, X: Any) -> NDArray[np.float64]:
        return np.array([one["score"] for one in self._asked(X, "")], np.float64)

    def _asked(self, X: Any, attributes: str) -> list[dict[str, Any]]:
        rows = rows_of(X)
        lines = [",".join(map(repr, row)).encode() for row in rows.tolist()]

        def ask(piece: Sequence[bytes]) -> list[dict[str, Any]]:
            answer = self._endpoint.ask(b"\n".join(piece) + b"\n", CSV, attributes)
            try:
                scores: list[dict[str, Any]] = json.loads(answer)["scores"]
            except (KeyError, TypeError, ValueError):
                raise PredictorError(
                    f"Expected scores as JSON, got {answer[:60]!r}: is this a Random Cut Forest?"
                ) from None
            return scores

        scores = in_pieces(lines, self._endpoint.most_bytes, ask)
        if len(scores) != len(rows):
            raise PredictorError(f"Expected {len(rows)} scores, one for each row, got {len(scores)}.")
        return scores


def _opened(target: Any) -> OpenedModel:
    if not hasattr(target, "get_params"):
        return open_model(target, NAME)
    if not hasattr(target, "forest_"):
        raise ValueError(f"target: expected a fitted RandomCutForest, got {type(target).__name__} that is not fitted.")
    from forecastle.algorithms.random_cut_forest.model import RandomCutForestModel

    return OpenedModel(RandomCutForestModel(target.forest_, threshold=-target.offset_))
