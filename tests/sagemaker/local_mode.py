"""A notebook's steps in SageMaker's local mode, run with SDK 2: train, deploy, predict, transform, delete.

`python local_mode.py JOB.json` reads what to do, and prints the answers by the names of the requests, as JSON, last.
"""

import json
import sys
from pathlib import Path
from typing import Any

import boto3
import numpy as np
from sagemaker.deserializers import BytesDeserializer, JSONDeserializer, JSONLinesDeserializer  # type: ignore[import-not-found]
from sagemaker.estimator import Estimator  # type: ignore[import-not-found]
from sagemaker.inputs import TrainingInput  # type: ignore[import-not-found]
from sagemaker.local import LocalSession  # type: ignore[import-not-found]
from sagemaker.serializers import CSVSerializer, IdentitySerializer, JSONLinesSerializer, JSONSerializer  # type: ignore[import-not-found]

ROLE = "arn:aws:iam::111122223333:role/any"  # local mode requires one, and does not check it


def main(job: dict[str, Any]) -> dict[str, Any]:
    """Run one job from data to predictions, and return the answers."""
    example, work = Path(job["example"]), Path(job["work"])
    session = LocalSession(boto3.Session(region_name="eu-west-1"))
    session.config = {
        "local": {
            "local_code": True,
            "serving_port": job["port"],
            "container_root": str(work),
            "container_config": {"user": job["user"]},  # so that the files belong to the user who runs this
        }
    }
    estimator = Estimator(
        image_uri=job["image"],
        role=ROLE,
        instance_count=job["instances"],
        instance_type="local",
        hyperparameters=job["hyperparameters"],
        output_path=f"file://{work / 'output'}",
        sagemaker_session=session,
    )
    channels = json.loads((example / "input" / "config" / "inputdataconfig.json").read_text())
    estimator.fit(
        {
            name: TrainingInput(f"file://{example / 'input' / 'data' / name}", content_type=channel["ContentType"])
            for name, channel in channels.items()
        },
        job_name=job["name"],
    )
    answers = {}
    # The endpoint answers when it is there; the SDK would sleep half a minute before it believes that.
    predictor = estimator.deploy(1, "local", endpoint_name=job["name"], wait=False)
    try:
        for name, request in requests(job["algorithm"], example).items():
            predictor.serializer, predictor.deserializer, body = request
            answers[name] = plain(predictor.predict(body))
    finally:
        predictor.delete_endpoint()
    transformer = estimator.transformer(
        1,
        "local",
        strategy="MultiRecord",
        assemble_with="Line",
        accept="application/jsonlines",
        output_path=f"file://{work / 'transformed'}",
        env=job["transform_environment"],
    )
    transformer.transform(f"file://{work / 'records'}", content_type=job["records_type"], split_type="Line", logs=False)
    return answers


def requests(algorithm: str, example: Path) -> dict[str, tuple[Any, Any, Any]]:
    """Serializer, deserializer and body of each request, by its name: everything of the SDK's own that fits."""
    if algorithm == "deepar":
        body = json.loads((example / "request.json").read_text())
        return {
            "json": (JSONSerializer(), JSONDeserializer(), body),
            "json lines": (JSONLinesSerializer(), JSONLinesDeserializer(), body["instances"]),
            "wrong": (JSONSerializer(), BytesDeserializer(), {"instances": [{"start": "2014-01-06", "target": ["x"]}]}),
        }
    from sagemaker.amazon.common import RecordDeserializer, RecordSerializer  # type: ignore[import-not-found]

    rows = np.loadtxt(example / "request.csv", ndmin=2)
    dense = {"instances": [{"features": row.tolist()} for row in rows]}
    return {
        "csv": (CSVSerializer(), JSONDeserializer(), rows),
        "csv as bytes": (IdentitySerializer("text/csv"), JSONDeserializer(), (example / "request.csv").read_bytes()),
        "json": (JSONSerializer(), JSONDeserializer(), dense),
        "json lines": (JSONLinesSerializer(), JSONLinesDeserializer(), dense["instances"]),
        "recordio": (RecordSerializer(), RecordDeserializer(), rows),
        "wrong": (CSVSerializer(), BytesDeserializer(), [["16083"], ["many"]]),
    }


def plain(answer: Any) -> Any:
    """An answer as JSON: records by their labels, bytes as text."""
    if isinstance(answer, bytes):
        return answer.decode()
    if answer and hasattr(answer[0] if isinstance(answer, list) else None, "label"):
        return [list(record.label["score"].float32_tensor.values) for record in answer]
    return answer


if __name__ == "__main__":
    print(json.dumps(main(json.loads(Path(sys.argv[1]).read_text()))))
