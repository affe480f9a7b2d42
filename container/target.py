"""What answers a request: a server, a SageMaker endpoint, or a model that is loaded here."""

import http.client
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit, urlunsplit

from forecastle.algorithms.interface import Payload
from forecastle.contract.errors import (
    ForecastleError,
    InvalidData,
    InvalidJob,
    NotAcceptable,
    NotFound,
    PayloadTooLarge,
    PlatformError,
    UnsupportedMediaType,
    UserError,
)
from forecastle.contract.media_type import JSON, MediaType, negotiate
from forecastle.contract.place import Source

RETRIES = 3  # if the answer says Retry-After
LONGEST_PAUSE_SECONDS = 10.0
LOCAL = ("127.0.0.1", "localhost", "::1")
ACCEPT = f"{JSON}, */*;q=0.5"


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Answer:
    """An answer's body, and its media type without parameters."""

    body: bytes
    media_type: str


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Target:
    """What answers requests: its name in messages, how to ask it, and its model if it is in this process.

    Attributes
    ----------
    batch_types : request type → response type in batch transform; None if the target says nothing about its types.
    """

    name: str
    answer: Callable[[Payload, str], Answer]
    algorithm: str | None = None
    hyperparameters: dict[str, Any] | None = None
    batch_types: Mapping[str, str] | None = None

    def ask(self, body: bytes, content_type: str, accept: str) -> bytes:
        """`Ask`, for algorithms that draw."""
        return self.answer(Payload(body, MediaType.parse(content_type)), accept).body


def server(url: str, model: str | None, timeout: float) -> Target:
    """A server at `url`; without a path, its /invocations. On a server of several models, `model` names one."""
    parts = _parts(url)
    address = urlunsplit(parts if parts.path.strip("/") else parts._replace(path="/invocations"))
    opener = _opener(parts)

    def answer(payload: Payload, accept: str) -> Answer:
        headers = {"Content-Type": str(payload.content_type), "Accept": accept}
        if payload.attributes:
            headers["X-Amzn-SageMaker-Custom-Attributes"] = payload.attributes
        if model is not None:
            headers["X-Amzn-SageMaker-Target-Model"] = model
        request = urllib.request.Request(address, payload.body, headers)
        for attempt in range(RETRIES + 1):
            try:
                with opener.open(request, timeout=timeout) as response:
                    return Answer(response.read(), response.headers.get_content_type())
            except urllib.error.HTTPError as error:
                sentence = ""  # if the answer breaks off
                with error, suppress(OSError, http.client.HTTPException):
                    sentence = error.read().decode("utf-8", "replace").strip()
                pause = error.headers.get("Retry-After", "")
                if attempt == RETRIES or not pause.isdecimal():
                    raise _refusal(address, error.code, sentence) from None
                time.sleep(min(float(pause), LONGEST_PAUSE_SECONDS))
            except (OSError, http.client.HTTPException) as error:
                raise _unanswered(address, getattr(error, "reason", error)) from None
            except UnicodeError as error:  # the name of a host that cannot exist
                raise _unanswered(address, error) from None
        raise AssertionError

    return Target(address, answer)


def execution_parameters(url: str, timeout: float) -> dict[str, Any]:
    """What the server at `url` says of batch transform, as SageMaker asks it; {} if it says nothing."""
    parts = _parts(url)
    address = urlunsplit(parts._replace(path="/execution-parameters", query=""))
    try:
        with _opener(parts).open(address, timeout=timeout) as response:
            return dict(json.loads(response.read()))
    except (OSError, http.client.HTTPException, ValueError, TypeError):
        return {}


def _opener(parts: SplitResult) -> urllib.request.OpenerDirector:
    # A proxy cannot reach this machine's own addresses.
    proxies = [urllib.request.ProxyHandler({})] if parts.hostname in LOCAL else []
    return urllib.request.build_opener(*proxies)


def _parts(url: str) -> SplitResult:
    """The parts of an address of HTTP; raises `InvalidJob`."""
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        valid = False
    if not valid or not url.isprintable() or " " in url:
        expected = "an address such as http://127.0.0.1:8080"
        raise InvalidJob(place=(Source("--url"),), expected=expected, got=f"{url!r}")
    return parts


def _unanswered(address: str, reason: object) -> PlatformError:
    text = getattr(reason, "strerror", None) or str(reason).strip() or type(reason).__name__
    return PlatformError(f"{address}: no answer ({text}).")


def endpoint(name: str, model: str | None) -> Target:
    """A SageMaker endpoint through boto3, which finds region and credentials; AWS_ENDPOINT_URL names a local region.

    Raises `InvalidJob` if boto3 is not installed.
    """
    try:
        import boto3
        from botocore.exceptions import BotoCoreError, ClientError
    except ImportError:
        raise InvalidJob("Endpoints are reached with boto3, which is not installed: pip install boto3.") from None

    place = f"Endpoint {name}"
    try:
        client = boto3.client("sagemaker-runtime")
    except BotoCoreError as error:
        raise InvalidJob(f"{place}: {str(error).rstrip('.')}.") from None

    def answer(payload: Payload, accept: str) -> Answer:
        optional = {"CustomAttributes": payload.attributes, "TargetModel": model}
        try:
            response = client.invoke_endpoint(
                EndpointName=name,
                Body=payload.body,
                ContentType=str(payload.content_type),
                Accept=accept,
                **{key: value for key, value in optional.items() if value},
            )
            return Answer(response["Body"].read(), MediaType.parse(response["ContentType"]).essence)
        except ClientError as error:
            refused = error.response
            status = refused.get("OriginalStatusCode") or refused["ResponseMetadata"]["HTTPStatusCode"]
            raise _refusal(place, status, refused.get("OriginalMessage") or refused["Error"]["Message"]) from None
        except BotoCoreError as error:
            raise PlatformError(f"{place}: {str(error).rstrip('.')}.") from None

    return Target(place, answer)


def model_here(folder: Path, environ: Mapping[str, str] = os.environ, threads: int | None = None) -> Target:
    """The model in a folder or an archive, loaded in this process. Raises `UserError` if it cannot be loaded.

    A prediction uses so many threads; by default as many as the settings in `environ` say.
    """
    from forecastle.contract.settings import Settings
    from forecastle.kernels.threads import available_cores
    from forecastle.serving.loader import load_model
    from forecastle.serving.prediction import Call, answer_alone

    settings = Settings.from_environ(environ)
    used = threads or settings.threads or available_cores()
    held = load_model(folder, used, settings)

    def answer(payload: Payload, accept: str) -> Answer:
        if payload.content_type.essence not in held.request_types:
            expected = ", ".join(held.request_types)
            raise UnsupportedMediaType(
                place=(Source("Content-Type"),), expected=f"one of {expected}", got=payload.content_type.essence
            )
        response_type = negotiate(accept, held.response_types)
        call = Call(held, replace(payload, threads=used), response_type)
        return Answer(answer_alone(call, used), response_type)

    batch_types = dict.fromkeys(held.request_types, held.response_types[0])
    batch_types |= {key: value for key, value in held.algorithm.batch_types.items() if key in batch_types}
    return Target(str(folder), answer, held.algorithm.name, dict(held.hyperparameters), batch_types)


def _refusal(place: str, status: int, sentence: str) -> ForecastleError:
    """An answer of this status as our own error: the user's, or the platform's."""
    kind: type[ForecastleError] = InvalidData if status in (400, 422) else PlatformError
    if kind is PlatformError and 400 <= status < 500:
        known = (PayloadTooLarge, UnsupportedMediaType, NotAcceptable, NotFound)
        kind = next((each for each in known if each.status == status), InvalidJob)
    try:
        phrase = f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        phrase = str(status)
    line = " ".join(sentence.split())  # proxies answer with pages of HTML
    return kind(f"{place}: {phrase}: {line or 'no message'}")


__all__ = ["ACCEPT", "Answer", "Target", "UserError", "endpoint", "model_here", "server"]
