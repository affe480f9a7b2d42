"""A predictor of an endpoint in a region: the session is boto3's own."""

import boto3
import pytest

from forecastle import PredictorError, RandomCutForestPredictor
from tests.region.endpoints import config, endpoint, model, trained
from tests.region.running_region import RunningRegion


def test_a_predictor_deletes_its_endpoint(region: RunningRegion, monkeypatch: pytest.MonkeyPatch) -> None:
    configuration = config(region, {"all": (model(region, trained(region)), 1.0)})
    name = endpoint(region, configuration)
    monkeypatch.setenv("AWS_ENDPOINT_URL", region.address)
    session = boto3.Session("any", "thing", region_name="us-east-1")
    runtime = session.client("sagemaker-runtime")
    with pytest.raises(PredictorError, match="expected a session to delete it with, got a client"):
        RandomCutForestPredictor(name, runtime).delete_endpoint()
    predictor = RandomCutForestPredictor(name, session)
    with pytest.raises(PredictorError, match=r"Expected scores as JSON, got b'\{\"mean\": 2\.000\}': is this a Random"):
        predictor.predict([[1.0]])
    predictor.delete_endpoint()
    sagemaker = region.client("sagemaker")
    assert name not in [each["EndpointName"] for each in sagemaker.list_endpoints()["Endpoints"]]
    configurations = sagemaker.list_endpoint_configs()["EndpointConfigs"]
    assert configuration not in [each["EndpointConfigName"] for each in configurations]
    with pytest.raises(PredictorError, match=rf"^Endpoint {name}: "):
        predictor.predict([[1.0]])
