"""The electricity notebook for SageMaker's SDK 3 and current pandas: a week's forecast for each customer.

    forecastle region data electricity --years 2014              # or the original LD2011_2014.txt
    forecastle region run -- python examples/electricity_sdk_3.py LD2011_2014.txt

Trains DeepAR on all customers until September 2014, tests it on the following four weeks, and prints for some customers
how much of the next week is inside the 80 % interval. Needs `sagemaker>=3` and pandas.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import boto3
import pandas as pd  # type: ignore[import-not-found,import-untyped,unused-ignore]
from sagemaker.core import image_uris  # type: ignore[import-not-found]
from sagemaker.core.helper.session_helper import Session, get_execution_role  # type: ignore[import-not-found]
from sagemaker.core.training.configs import Compute, InputData, OutputDataConfig  # type: ignore[import-not-found]
from sagemaker.serve import ModelBuilder  # type: ignore[import-not-found]
from sagemaker.train import ModelTrainer  # type: ignore[import-not-found]

FREQUENCY = "2h"
WEEK = 7 * 12
START, END = pd.Timestamp("2014-01-01"), pd.Timestamp("2014-09-01")
TEST_WINDOWS = 4
PREFIX = "sagemaker/deepar-electricity"
INSTANCE = "ml.m5.large"
SHOWN = 5


def series(file: Path) -> Any:
    """kW by customer, every two hours."""
    data = pd.read_csv(file, sep=";", index_col=0, parse_dates=True, decimal=",")
    return data.resample(FREQUENCY).sum() / 8


def lines(usage: Any, weeks: int) -> bytes:
    """The customers' series until `weeks` after the training's end, as JSON Lines."""
    until = END + weeks * WEEK * pd.tseries.frequencies.to_offset(FREQUENCY)
    kept = usage.loc[START : until - pd.tseries.frequencies.to_offset(FREQUENCY)]
    records = ({"start": str(START), "target": kept[name].tolist()} for name in kept)
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, help="LD2011_2014.txt")
    parser.add_argument("--epochs", type=int, default=400)
    parser.add_argument("--role", help="the execution role's ARN; by default the caller's")
    given = parser.parse_args()
    role, session, s3 = given.role or get_execution_role(), Session(), boto3.client("s3")
    bucket = session.default_bucket()
    image = image_uris.retrieve("forecasting-deepar", session.boto_region_name)

    usage = series(given.file)
    s3.put_object(Bucket=bucket, Key=f"{PREFIX}/train/train.json", Body=lines(usage, 0))
    test = b"".join(lines(usage, weeks) for weeks in range(1, TEST_WINDOWS + 1))
    s3.put_object(Bucket=bucket, Key=f"{PREFIX}/test/test.json", Body=test)

    trainer = ModelTrainer(
        training_image=image,
        role=role,
        compute=Compute(instance_type=INSTANCE, instance_count=1),
        output_data_config=OutputDataConfig(s3_output_path=f"s3://{bucket}/{PREFIX}/output"),
        hyperparameters={
            "time_freq": "2H",
            "epochs": given.epochs,
            "early_stopping_patience": 40,
            "mini_batch_size": 64,
            "learning_rate": 5e-4,
            "context_length": WEEK,
            "prediction_length": WEEK,
        },
    )
    channels = [
        InputData(channel_name=name, data_source=f"s3://{bucket}/{PREFIX}/{name}/", content_type="json")
        for name in ("train", "test")
    ]
    trainer.train(channels)
    model = trainer._latest_training_job.model_artifacts.s3_model_artifacts

    builder = ModelBuilder(image_uri=image, role_arn=role, s3_model_data_url=model, instance_type=INSTANCE)
    builder.build()
    endpoint = builder.deploy(endpoint_name="electricity")
    try:
        for name in usage.columns[:SHOWN]:
            show(endpoint, usage[name])
    finally:
        endpoint.delete()


def show(endpoint: Any, used: Any) -> None:
    """How much of a customer's next week is in the forecast's band."""
    step = pd.tseries.frequencies.to_offset(FREQUENCY)
    past, future = used.loc[START : END - step], used.loc[END : END + (WEEK - 1) * step]
    request = {
        "instances": [{"start": str(past.index[0]), "target": past.tolist()}],
        "configuration": {"num_samples": 100, "output_types": ["quantiles"], "quantiles": ["0.1", "0.5", "0.9"]},
    }
    answer = endpoint.invoke(body=json.dumps(request), content_type="application/json")
    (quantiles,) = (each["quantiles"] for each in json.loads(answer.body.read())["predictions"])
    inside = [low <= seen <= high for low, seen, high in zip(quantiles["0.1"], future, quantiles["0.9"], strict=True)]
    error = sum(abs(median - seen) for median, seen in zip(quantiles["0.5"], future, strict=True)) / future.sum()
    print(f"{used.name}: {100 * sum(inside) / WEEK:.0f} % within the 80 % band, off by {100 * error:.0f} % of the week")


if __name__ == "__main__":
    main()
