"""The taxi notebook for SageMaker's SDK 3 and current pandas: anomalies in the rides of New York's taxis.

    forecastle region run -- python examples/taxi_sdk_3.py       # in a local region
    python examples/taxi_sdk_3.py --role arn:aws:iam::…:role/…   # on AWS, with its own Random Cut Forest

Needs `sagemaker>=3` and pandas.
"""

import argparse
import io
import json

import boto3
import pandas as pd  # type: ignore[import-not-found,import-untyped,unused-ignore]
from sagemaker.core import image_uris  # type: ignore[import-not-found]
from sagemaker.core.helper.session_helper import Session, get_execution_role  # type: ignore[import-not-found]
from sagemaker.core.training.configs import Compute, InputData, OutputDataConfig  # type: ignore[import-not-found]
from sagemaker.serve import ModelBuilder  # type: ignore[import-not-found]
from sagemaker.train import ModelTrainer  # type: ignore[import-not-found]

SAMPLES = "sagemaker-sample-files"
KEY = "datasets/tabular/anomaly_benchmark_taxi/NAB_nyc_taxi.csv"
PREFIX = "sagemaker/rcf-benchmarks"
INSTANCE = "ml.m5.large"
CUTOFF_SIGMAS = 3.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--role", help="the execution role's ARN; by default the caller's")
    role = parser.parse_args().role or get_execution_role()
    session, s3 = Session(), boto3.client("s3")
    bucket = session.default_bucket()
    image = image_uris.retrieve("randomcutforest", session.boto_region_name)

    rides = pd.read_csv(io.BytesIO(s3.get_object(Bucket=SAMPLES, Key=KEY)["Body"].read()), parse_dates=["timestamp"])
    rows = rides["value"].to_csv(index=False, header=False)
    s3.put_object(Bucket=bucket, Key=f"{PREFIX}/train/rides.csv", Body=rows.encode())

    trainer = ModelTrainer(
        training_image=image,
        role=role,
        compute=Compute(instance_type=INSTANCE, instance_count=1),
        output_data_config=OutputDataConfig(s3_output_path=f"s3://{bucket}/{PREFIX}/output"),
        hyperparameters={"feature_dim": 1, "num_trees": 50, "num_samples_per_tree": 512},
    )
    source = f"s3://{bucket}/{PREFIX}/train/"
    train = InputData(channel_name="train", data_source=source, content_type="text/csv;label_size=0")
    trainer.train([train])
    model = trainer._latest_training_job.model_artifacts.s3_model_artifacts

    builder = ModelBuilder(image_uri=image, role_arn=role, s3_model_data_url=model, instance_type=INSTANCE)
    builder.build()
    endpoint = builder.deploy(endpoint_name="taxi-anomalies")
    try:
        answer = endpoint.invoke(body=rows, content_type="text/csv", accept="application/json")
    finally:
        endpoint.delete()
    rides["score"] = [each["score"] for each in json.loads(answer.body.read())["scores"]]

    cutoff = rides["score"].mean() + CUTOFF_SIGMAS * rides["score"].std()
    unusual = rides[rides["score"] > cutoff]
    days = unusual.groupby(unusual["timestamp"].dt.date)["score"].max().sort_values(ascending=False)
    print(days.head(10).to_string())


if __name__ == "__main__":
    main()
