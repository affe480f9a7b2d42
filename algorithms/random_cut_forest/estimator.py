"""Random Cut Forest as a scikit-learn estimator."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, OutlierMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from forecastle.algorithms.opened_model import artifact_of
from forecastle.algorithms.random_cut_forest.data import indexed, labelled, table_of
from forecastle.algorithms.random_cut_forest.forest import Forest
from forecastle.algorithms.random_cut_forest.inference.score import attribute, score
from forecastle.algorithms.random_cut_forest.threshold import of_artifact, of_leaves
from forecastle.algorithms.random_cut_forest.training.grow import contiguous_rows, drawn_rows, grow
from forecastle.algorithms.random_cut_forest.training.reservoir import Reservoir
from forecastle.contract.artifact import Artifact, write_artifact
from forecastle.kernels.threads import available_cores

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.random import RandomState

NAME = "random_cut_forest"


class RandomCutForest(OutlierMixin, BaseEstimator):  # type: ignore[misc]
    """Anomaly detection by how much of a random tree a point would displace.

    Each tree holds a sample of the data and cuts it at random until every distinct point is alone: at each node a
    dimension is chosen with probability proportional to the side of the node's bounding box, then a cut uniformly in
    that side. A point's anomaly score is what it would change in the trees, averaged over them; it grows with the
    point's distance from all that the trees know, in the scale of the data, so the columns' units matter.

    It is SageMaker's built-in algorithm, with its scores, and not an isolation forest: a tree is cut where the data
    are, and a point outside a tree's boxes is distinguished from one inside at every level.

    A pandas Series is one column, and results for pandas' objects have their index.

    For streams, `partial_fit` adds rows to the past, and the next score comes from a forest that is grown anew from it.
    The past is all rows while there are at most num_trees × num_samples_per_tree, then a uniform sample of so many.

    Signs are scikit-learn's: `score_samples` is the anomaly score's negative, `predict` is -1 for outliers. Points
    and scores are float32.

    Arrays of any dtype are converted to float32 in `fit` and in all that follows, so a row of the training data equals
    its stored point, whatever its dtype. A server is stricter with text, as SageMaker is: 27.1 in CSV or JSON is not a
    float32, equals no stored point and gets the score of a new one (docs/random-cut-forest.md, "Scores").

    Parameters
    ----------
    num_trees : int, default=100
        The number of trees.
    num_samples_per_tree : int, default=256
        The most points that a tree gets.
    sampling : {"independent", "sagemaker"}, default="independent"
        Which points a tree gets. "independent": min(num_samples_per_tree, n) points, drawn for each tree without
        replacement. "sagemaker": as SageMaker's jobs draw them: a uniform sample of
        num_trees × num_samples_per_tree points, or all points in their order if there are no more; tree t gets the
        t-th slice of ⌊sample / num_trees⌋ of them, so that on data in the order of time each tree sees one slice of
        time. With fewer points than trees, every tree gets all.
    contamination : "auto" or float in (0, 0.5], default="auto"
        The share of outliers in the data: what `offset_` is set by. "auto" takes the rule of SageMaker's notebook:
        outliers score above the mean of the points in the forest plus three standard deviations, of at least 1,000
        of them. The model of a training job comes with the job's threshold, which follows the same rule.
    random_state : int, RandomState instance or None, default=None
        Seeds the sampling and the cuts; an int makes the same forest from the same data, with any number of threads.
    n_jobs : int or None, default=None
        Threads to fit and score with; None is 1, -1 all cores. It changes no result.

    Attributes
    ----------
    forest_ : Forest
        The trees, as arrays.
    offset_ : float
        `decision_function` is `score_samples` less this.
    n_features_in_ : int
        The number of columns in `fit`, or in the first `partial_fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where `X` had names that are all strings.

    References
    ----------
    S. Guha, N. Mishra, G. Roy, O. Schrijvers: Robust Random Cut Forest Based Anomaly Detection on Streams, ICML 2016.
    AWS: Amazon SageMaker developer guide, "Random Cut Forest (RCF) Algorithm".

    Examples
    --------
    >>> import numpy as np
    >>> from forecastle import RandomCutForest
    >>> X = np.random.default_rng(0).normal(size=(1000, 2))
    >>> forest = RandomCutForest(random_state=0).fit(X)
    >>> forest.predict([[0.1, 0.2], [9.0, -9.0]])
    array([ 1, -1])
    """

    _seed: int
    _past: Reservoir
    _forest: Forest | None
    _offset: float | None

    def __init__(
        self,
        num_trees: int = 100,
        num_samples_per_tree: int = 256,
        *,
        sampling: Literal["independent", "sagemaker"] = "independent",
        contamination: float | Literal["auto"] = "auto",
        random_state: int | RandomState | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.num_trees = num_trees
        self.num_samples_per_tree = num_samples_per_tree
        self.sampling = sampling
        self.contamination = contamination
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(self, X: ArrayLike, y: object = None) -> Self:  # noqa: ARG002 - y is scikit-learn's convention
        """Grow the forest over `X`, (n_samples, n_features). Raises `ValueError` on a parameter or a value amiss."""
        self._check_parameters()
        points = validate_data(self, table_of(X), dtype=np.float32, order="C")
        self._begin(points.shape[1])
        self._past.add(points)
        self._forest = self._grow(self._past.so_far() if self.sampling == "sagemaker" else points)
        self._offset = self._offset_of(self._forest, points)
        return self

    def partial_fit(self, X: ArrayLike, y: object = None) -> Self:  # noqa: ARG002 - y is scikit-learn's convention
        """Add the rows of `X`, (n_samples, n_features), to the past; after `fit`, to the rows of `fit`.

        The forest is grown anew from the past when it is next needed: to score, to predict or to be saved. It depends
        on the rows and on `random_state`, not on how the rows were divided among calls, nor on what was scored in
        between; while the past is all rows, it is the forest of `fit`. A call costs little, growing some
        milliseconds: on a stream, add rows by the dozen.

        Raises `ValueError` on a parameter or a value amiss, and if `load` made this estimator: a saved model does not
        contain the past.
        """
        self._check_parameters()
        past = getattr(self, "_past", None)
        if past is None and self.__sklearn_is_fitted__():
            raise ValueError("partial_fit: expected an estimator with the rows it was fitted to, got a loaded model.")
        points = validate_data(self, table_of(X), dtype=np.float32, order="C", reset=past is None)
        if past is None:
            self._begin(points.shape[1])
        self._past.add(points)
        self._forest = self._offset = None
        return self

    @property
    def forest_(self) -> Forest:
        check_is_fitted(self)
        forest = self._forest
        if forest is None:
            self._forest = forest = self._grow(self._past.so_far())
        return forest

    @property
    def offset_(self) -> float:
        forest, offset = self.forest_, self._offset
        if offset is None:
            self._offset = offset = self._offset_of(forest, self._past.so_far())
        return offset

    def score_samples(self, X: ArrayLike) -> Any:
        """The negative anomaly scores, (n_samples,): the lower, the more unusual."""
        return indexed(self._scored(X), X)

    def decision_function(self, X: ArrayLike) -> Any:
        """`score_samples` less `offset_`, (n_samples,): negative for outliers."""
        return indexed(self._scored(X) - self.offset_, X)

    def predict(self, X: ArrayLike) -> Any:
        """-1 for outliers and 1 for inliers, (n_samples,)."""
        return indexed(np.where(self._scored(X) < self.offset_, -1, 1), X)

    def attribution(self, X: ArrayLike) -> tuple[Any, Any]:
        """Each column's share in the anomaly score, for being too high and for being too low.

        Two arrays of (n_samples, n_features), not negative, that sum to the anomaly score over columns and sides; of a
        DataFrame, DataFrames with its index and columns.
        """
        points = self._points(X)
        high, low = attribute(self.forest_, points, threads=self._threads())
        return labelled(high, X), labelled(low, X)

    def plot(self, X: ArrayLike, *, column: Any = None) -> Figure:
        """SageMaker's picture of anomalies: a column's values, all scores, and dots above the threshold, −`offset_`.

        column : the name of a column of a DataFrame, or its number; the first by default. The times are those of the
            index.

        Returns matplotlib's figure. Raises `ImportError` if matplotlib is not installed.
        """
        from forecastle.algorithms.random_cut_forest.picture import figure_of

        figure: Figure = figure_of(X, -self._scored(X), column=column, threshold=-self.offset_)
        return figure

    def save(self, folder: str | Path) -> None:
        """Write the model to `folder`, as a training job does; `forecastle serve` serves it."""
        check_is_fitted(self)
        parameters = {"offset": self.offset_}
        given = {
            "feature_dim": self.n_features_in_,
            "num_trees": self.num_trees,
            "num_samples_per_tree": self.num_samples_per_tree,
        }
        write_artifact(Path(folder), Artifact(self.forest_.arrays(), parameters, given, algorithm=NAME))

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """The fitted estimator of a model that `save` or a training job wrote; `folder` may be a model.tar.gz.

        Raises `InvalidData`.
        """
        artifact = artifact_of(Path(folder), NAME)
        forest = Forest.from_arrays(dict(artifact.arrays))
        names = ("num_trees", "num_samples_per_tree")
        loaded = cls(**{name: artifact.hyperparameters[name] for name in names if name in artifact.hyperparameters})
        loaded.n_features_in_ = forest.dimensions
        loaded._forest, loaded._offset = forest, -of_artifact(artifact, forest)
        return loaded

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_forest")

    def _begin(self, columns: int) -> None:
        """Forget the past, and draw the seed of the next one."""
        self._seed = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
        self._past = Reservoir(self.num_trees * self.num_samples_per_tree, columns, self._seed)

    def _grow(self, points: NDArray[np.float32]) -> Forest:
        if self.sampling == "sagemaker" and len(points) >= self.num_trees:
            rows = contiguous_rows(len(points), self.num_trees)
        else:
            size = len(points) if self.sampling == "sagemaker" else self.num_samples_per_tree
            rows = drawn_rows(len(points), self.num_trees, size, seed=self._seed)
        return grow(points, rows, seed=self._seed, threads=self._threads())

    def _offset_of(self, forest: Forest, points: NDArray[np.float32]) -> float:
        if self.contamination == "auto":
            return -of_leaves(forest, self._threads())
        scores = score(forest, points, threads=self._threads())
        return float(np.percentile(-scores.astype(np.float64), 100 * self.contamination))

    def _scored(self, X: ArrayLike) -> NDArray[np.float64]:
        points = self._points(X)
        return -score(self.forest_, points, threads=self._threads()).astype(np.float64)

    def _points(self, X: ArrayLike) -> NDArray[np.float32]:
        check_is_fitted(self)
        points: NDArray[np.float32] = validate_data(self, table_of(X), dtype=np.float32, order="C", reset=False)
        return points

    def _threads(self) -> int:
        if self.n_jobs is None:
            return 1
        return max(1, available_cores() + 1 + self.n_jobs) if self.n_jobs < 0 else self.n_jobs

    def _check_parameters(self) -> None:
        for name in ("num_trees", "num_samples_per_tree"):
            value = getattr(self, name)
            if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < 1:
                self._refuse(name, "an int in the range [1, inf)", value)
        if self.sampling not in ("independent", "sagemaker"):
            self._refuse("sampling", "a str among {'independent', 'sagemaker'}", self.sampling)
        share: Any = self.contamination
        if share != "auto" and not (isinstance(share, float | int) and 0 < share <= 0.5):
            self._refuse("contamination", "'auto' or a float in the range (0, 0.5]", share)

    def _refuse(self, name: str, expected: str, got: object) -> None:
        raise ValueError(f"The {name!r} parameter of RandomCutForest must be {expected}. Got {got!r} instead.")
