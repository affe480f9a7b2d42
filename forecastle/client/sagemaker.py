"""An endpoint of SageMaker's, in AWS or a local region, through boto3."""

from http import HTTPStatus
from typing import Any

from forecastle.client.endpoint import JSON, refusal
from forecastle.client.errors import PredictorError, RequestTooLarge, TryAgain
from forecastle.client.patience import patiently

MOST_BYTES = 5 * 2**20  # SageMaker accepts 6 MB in real time
# As botocore names them; the others are for the caller to see.
LATER = ("ThrottlingException", "ModelNotReadyException", "ServiceUnavailable", "InternalDependencyException")
TOO_LARGE = "less than or equal to"  # in the ValidationError for a body's length


class SageMakerEndpoint:
    """An endpoint by its name.

    `session` is a `boto3.Session`, a `sagemaker.Session`, a client of `sagemaker-runtime`, or None for boto3's own
    defaults. An endpoint that throttles, or whose model is not ready, is asked again for up to `patience` seconds.
    """

    most_bytes = MOST_BYTES

    def __init__(self, name: str, session: Any, patience: float) -> None:
        self.name = name
        self._session = _boto_session(session)
        self._client = _runtime(session, self._session)
        self._patience = patience

    def ask(self, body: bytes, content_type: str, attributes: str = "") -> bytes:
        more = {"CustomAttributes": attributes} if attributes else {}
        request = {"EndpointName": self.name, "Body": body, "ContentType": content_type, "Accept": JSON, **more}
        return patiently(lambda: self._attempt(request), self._patience)

    def _attempt(self, request: dict[str, Any]) -> bytes:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer: bytes = self._client.invoke_endpoint(**request)["Body"].read()
            return answer
        except ClientError as error:
            raise self._refusal(error) from None
        except BotoCoreError as error:
            raise PredictorError(f"Endpoint {self.name}: {str(error).rstrip('.')}.") from None

    def _refusal(self, error: Any) -> PredictorError | TryAgain:
        response = error.response
        code, message = response["Error"].get("Code", ""), response["Error"].get("Message", "")
        status = response.get("OriginalStatusCode") or response.get("ResponseMetadata", {}).get("HTTPStatusCode") or 0
        sentence = response.get("OriginalMessage") or f"Endpoint {self.name}: {message or code}"
        if code == "ValidationError" and TOO_LARGE in message:
            return RequestTooLarge(sentence, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        refused = refusal(f"Endpoint {self.name}", status, sentence)
        model_is_busy = code == "ModelError" and status in (
            HTTPStatus.TOO_MANY_REQUESTS,
            HTTPStatus.SERVICE_UNAVAILABLE,
        )
        return TryAgain(refused, None) if code in LATER or model_is_busy else refused

    def delete(self) -> None:
        """Delete the endpoint and its configuration."""
        if self._session is None:
            raise PredictorError(f"Endpoint {self.name}: expected a session to delete it with, got a client.")
        client = self._session.client("sagemaker")
        configuration = client.describe_endpoint(EndpointName=self.name)["EndpointConfigName"]
        client.delete_endpoint(EndpointName=self.name)
        client.delete_endpoint_config(EndpointConfigName=configuration)


def _boto_session(session: Any) -> Any:
    """boto3's session; None if a client was given."""
    if session is None:
        try:
            import boto3
        except ImportError:
            raise PredictorError(
                "Endpoints of SageMaker are asked through boto3, which is not installed: pip install boto3."
            ) from None
        return boto3.Session()
    if hasattr(session, "invoke_endpoint"):
        return None
    return getattr(session, "boto_session", session)  # which sagemaker.Session has


def _runtime(session: Any, boto_session: Any) -> Any:
    if boto_session is None:
        return session
    given = getattr(session, "sagemaker_runtime_client", None)
    if given is not None:
        return given
    from botocore.exceptions import BotoCoreError

    try:
        return boto_session.client("sagemaker-runtime")
    except BotoCoreError as error:
        raise PredictorError(f"Endpoints of SageMaker cannot be asked: {str(error).rstrip('.')}.") from None
