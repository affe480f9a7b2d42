"""Models that SageMaker trained, behind a local endpoint: CreateModel with the `ModelDataUrl` of their archive."""

import io
import json
import tarfile
from pathlib import Path

from tests.algorithms.deepar.sagemaker.build import Recipe, artifact
from tests.region.endpoints import config, endpoint, model
from tests.region.running_region import RunningRegion

IMAGE = "495149712605.dkr.ecr.eu-central-1.amazonaws.com/forecasting-deepar:1"
INSTANCE = {"start": "2024-01-01 00:00:00", "target": [10, 12, None, 9.5] * 5}


def test_a_deepar_model_of_sagemakers_answers(region: RunningRegion, tmp_path: Path) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for file in artifact(Recipe("student-t")).write(tmp_path / "model").iterdir():
            tar.add(file, file.name)
    region.client("s3").put_object(Bucket="data", Key="theirs/model.tar.gz", Body=packed.getvalue())

    name = endpoint(region, config(region, {"all": (model(region, "s3://data/theirs/model.tar.gz", Image=IMAGE), 1.0)}))
    got = region.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=name, ContentType="application/json", Body=json.dumps({"instances": [INSTANCE]}).encode()
    )

    assert len(json.loads(got["Body"].read())["predictions"][0]["mean"]) == 4
    region.client("sagemaker").delete_endpoint(EndpointName=name)
