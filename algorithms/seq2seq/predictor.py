"""A client for translations."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from forecastle.algorithms.opened_model import OpenedModel, open_model
from forecastle.client.as_json import as_json
from forecastle.client.endpoint import JSON, Endpoint
from forecastle.client.errors import PredictorError
from forecastle.client.pieces import in_pieces
from forecastle.client.sagemaker import SageMakerEndpoint
from forecastle.client.target import endpoint_of

NAMES = "seq2seq", "translation"  # of the algorithms whose models translate


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Attention:
    """A translation and what each of its tokens was translated from.

    Attributes
    ----------
    target : the translation.
    source_tokens, target_tokens : words, or subwords of a model that was trained on text.
    matrix : (target tokens, source tokens), of which each row sums to 1.
    """

    target: str
    source_tokens: list[str]
    target_tokens: list[str]
    matrix: NDArray[np.float64]


class Seq2SeqPredictor:
    """Translations of a Sequence to Sequence model, or of a pretrained Transformer, local or remote.

    Needs numpy, and boto3 only for an endpoint of SageMaker's. `beam_size` and `length_penalty` are those of the
    training or the import unless they are given; forecastle's servers take them, SageMaker's do not.

    Parameters
    ----------
    target : str or Path
        A server's URL, such as "http://127.0.0.1:8080"; a model's folder or `model.tar.gz`, which is loaded in this
        process; or the name of an endpoint of SageMaker's, in AWS or a local region.
    session : default=None
        For an endpoint: a `boto3.Session`, a `sagemaker.Session` or a client of `sagemaker-runtime`; None takes boto3's
        defaults. SageMaker's SDK 2 passes it to a `predictor_cls`.
    timeout : float, default=60
        Seconds to wait for a server's answer.
    patience : float, default=60
        Seconds in which a request is repeated that a server or an endpoint asks to send later.
    """

    def __init__(self, target: Any, session: Any = None, *, timeout: float = 60.0, patience: float = 60.0) -> None:
        self._endpoint: Endpoint = endpoint_of(target, session, timeout=timeout, patience=patience, opened=_opened)

    @property
    def endpoint_name(self) -> str | None:
        """The name of SageMaker's endpoint; None elsewhere."""
        return self._endpoint.name if isinstance(self._endpoint, SageMakerEndpoint) else None

    @overload
    def predict(  # type: ignore[overload-overlap]  # a text is a sequence of texts, too
        self, data: str, *, beam_size: int | None = None, length_penalty: float | None = None
    ) -> str: ...

    @overload
    def predict(
        self, data: Sequence[str], *, beam_size: int | None = None, length_penalty: float | None = None
    ) -> list[str]: ...

    def predict(
        self, data: str | Sequence[str], *, beam_size: int | None = None, length_penalty: float | None = None
    ) -> str | list[str]:
        """The translation of a sentence, or of each of several.

        Raises `ValueError` if `data` is something else, and `PredictorError` if the model refuses the request or does
        not answer.
        """
        wanted = {"beam_size": beam_size, "length_penalty": length_penalty}
        found = [str(one["target"]) for one in self._asked(_sentences(data), wanted)]
        return found[0] if isinstance(data, str) else found

    def best(
        self, sentence: str, count: int = 5, *, beam_size: int | None = None, length_penalty: float | None = None
    ) -> list[tuple[str, float]]:
        """Up to `count` translations of a sentence with their scores, the best first; of forecastle's models only.

        A score is a log-probability, divided by the length penalty. Raises as `predict` does.
        """
        wanted = {"beam_size": beam_size or max(count, 5), "length_penalty": length_penalty, "scores": True}
        (one,) = self._asked([_sentence(sentence)], {**wanted, "n_best": count})
        return [(str(each["target"]), float(each["score"])) for each in one.get("n_best", [one])]

    def attention(self, sentence: str) -> Attention:
        """The translation of a sentence with its attention. Raises as `predict` does."""
        (one,) = self._asked([_sentence(sentence)], {}, {"attention_matrix": "true"})
        source = one.get("source_tokens", sentence.split())
        target = one.get("target_tokens", str(one["target"]).split())
        matrix = np.array(one.get("matrix", []), np.float64).reshape(len(target), len(source))
        return Attention(str(one["target"]), source, target, matrix)

    def delete_endpoint(self) -> None:
        """Delete SageMaker's endpoint and its configuration; otherwise do nothing."""
        if isinstance(self._endpoint, SageMakerEndpoint):
            self._endpoint.delete()

    def _asked(
        self, sentences: Sequence[str], wanted: dict[str, Any], of_each: dict[str, Any] | None = None
    ) -> list[dict[str, Any]]:
        """The predictions; `wanted` is for the whole request, which is ours, `of_each` for SageMaker's instances."""
        own = {} if of_each is None else {"configuration": of_each}
        instances = [as_json({"data": text, **own}) for text in sentences]
        given = {name: value for name, value in wanted.items() if value is not None}
        tail = b"]" + (b',"configuration":' + as_json(given) if given else b"") + b"}"

        def ask(piece: Sequence[bytes]) -> list[dict[str, Any]]:
            answer = self._endpoint.ask(b'{"instances":[' + b",".join(piece) + tail, JSON)
            try:
                predictions: list[dict[str, Any]] = json.loads(answer)["predictions"]
                complete = all("target" in one for one in predictions)
            except (KeyError, TypeError, ValueError):
                complete = False
            if not complete:
                got = f"{answer[:60]!r}"
                raise PredictorError(f"Expected translations as JSON, got {got}: does this model translate?")
            return predictions

        predictions = in_pieces(instances, self._endpoint.most_bytes, ask)
        if len(predictions) != len(sentences):
            raise PredictorError(f"Expected {len(sentences)} translations, got {len(predictions)}.")
        return predictions


def _sentence(given: Any) -> str:
    if not isinstance(given, str):
        raise ValueError(f"sentence: expected a text, got an object of type {type(given).__name__}.")
    return given


def _sentences(data: Any) -> list[str]:
    if isinstance(data, str):
        return [data]
    if not isinstance(data, Iterable) or isinstance(data, bytes | Mapping):
        raise ValueError(f"data: expected a text, or several, got an object of type {type(data).__name__}.")
    found = list(data)
    for index, each in enumerate(found):
        if not isinstance(each, str):
            raise ValueError(f"data[{index}]: expected a text, got an object of type {type(each).__name__}.")
    return found


def _opened(target: Any) -> OpenedModel:
    if hasattr(target, "get_params"):
        raise ValueError(
            "target: expected a URL, a model's folder or the name of an endpoint, "
            f"got {type(target).__name__}, which does not translate."
        )
    return open_model(target, *NAMES)
