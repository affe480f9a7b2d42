"""What SDK 2 does besides the page's: attach, analytics, logs, an update; run in a region.

`python sdk2_flow.py` prints one JSON object.
"""

import json

import boto3
import sagemaker  # type: ignore[import-not-found]
from sagemaker.analytics import TrainingJobAnalytics  # type: ignore[import-not-found]
from sagemaker.deserializers import JSONDeserializer  # type: ignore[import-not-found]
from sagemaker.estimator import Estimator  # type: ignore[import-not-found]
from sagemaker.inputs import TrainingInput  # type: ignore[import-not-found]
from sagemaker.serializers import CSVSerializer  # type: ignore[import-not-found]

BUCKET = "s3://my-bucket/taxi"


def main() -> None:
    session, role = sagemaker.Session(), sagemaker.get_execution_role()
    image = sagemaker.image_uris.retrieve("randomcutforest", session.boto_region_name)
    estimator = Estimator(
        image,
        role,
        1,
        "ml.m5.large",
        output_path=f"{BUCKET}/jobs",
        hyperparameters={"feature_dim": 1, "num_trees": 50},
        metric_definitions=[{"Name": "mine", "Regex": r"train throughput=(\S+)"}],
    )
    channels = {
        "train": TrainingInput(f"{BUCKET}/train/", content_type="text/csv;label_size=0"),
        "test": TrainingInput(f"{BUCKET}/test/", content_type="text/csv;label_size=1"),
    }
    estimator.fit(channels, logs=False)
    job = estimator.latest_training_job.name
    attached = Estimator.attach(job)
    attached.logs()
    measured = TrainingJobAnalytics(job, ["test:f1", "mine"]).dataframe()
    settings = {"serializer": CSVSerializer(), "deserializer": JSONDeserializer()}
    predictor = attached.deploy(1, "ml.m5.large", **settings)
    before = predictor.predict([[16083]])
    predictor.update_endpoint(initial_instance_count=2, instance_type="ml.m5.xlarge")
    after = predictor.predict([[16083]])
    predictor.delete_model()
    predictor.delete_endpoint()
    found = {
        "role": role,
        "bucket": session.default_bucket(),
        "image": attached.image_uri == image,
        "model": attached.model_data,
        "metrics": sorted(set(measured["metric_name"])),
        "values": len(measured),
        "same": before == after,
        "left": len(boto3.client("sagemaker").list_endpoints()["Endpoints"]),
    }
    print("\n" + json.dumps(found))  # what the SDK printed before has no end of its own


if __name__ == "__main__":
    main()
