"""What a predictor is pointed at: a URL, a model's folder, or the name of an endpoint."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from forecastle.client.endpoint import Endpoint
from forecastle.client.sagemaker import SageMakerEndpoint
from forecastle.client.server import Server


def endpoint_of(
    target: Any, session: Any, *, timeout: float, patience: float, opened: Callable[[Any], Endpoint]
) -> Endpoint:
    """What answers at `target`; `opened` loads a model, from a folder, an archive or an estimator, in this process.

    Raises `ValueError` if it is none of these, and `PredictorError`.
    """
    if not isinstance(target, str):
        if not isinstance(target, Path) and not hasattr(target, "get_params"):
            raise ValueError(
                "target: expected a URL, a model's folder, a fitted estimator or the name of an endpoint, "
                f"got an object of type {type(target).__name__}."
            )
        return opened(target)
    if "://" in target:
        return Server(target, timeout, patience)
    if session is None and ("/" in target or target.endswith(".tar.gz") or Path(target).exists()):
        return opened(Path(target))
    return SageMakerEndpoint(target, session, patience)
