"""The memory that requests take."""

import json
import tracemalloc

import pytest

from forecastle.algorithms.deepar.inference.configuration import LIVE, Configuration
from forecastle.algorithms.deepar.inference.footprint import (
    footprint,
    require,
)
from forecastle.algorithms.deepar.inference.forecast import bytes_for
from forecastle.algorithms.deepar.model import DeepARModel
from forecastle.algorithms.interface import Payload
from forecastle.contract.errors import PayloadTooLarge
from forecastle.contract.free_memory import available_memory
from forecastle.contract.media_type import JSON, MediaType
from forecastle.formats.json_size import UNCHECKED_BYTES
from tests.algorithms.deepar.networks import random_network
from tests.own_process import in_own_process

TINY = random_network(prediction_length=1, context_length=1, cells=1, layers=1, lags=(1,))
ONE_PATH = Configuration(1, LIVE.output_types, {})


def test_series_that_are_many_and_empty_are_refused_with_their_number() -> None:
    with pytest.raises(
        PayloadTooLarge, match=r"^instances: expected a number that fits .* got 10000000000: 10000000000 ser"
    ):
        require(10**10, TINY, ONE_PATH, threads=2)
    assert footprint(500_000, TINY, ONE_PATH, threads=2) > UNCHECKED_BYTES
    require(1_000, TINY, ONE_PATH, threads=2)


def bytes_beyond_the_footprint(series: int, steps: int, wanted: dict[str, object]) -> int:
    """The peak of a request's memory, without its body, less its footprint; negative if that is kept."""
    model = DeepARModel(random_network(prediction_length=steps, context_length=1, cells=2, layers=1, lags=(1,)))

    def answered(count: int) -> int:
        """Bytes, at the peak, that the body itself is not among."""
        instances = [{"start": "2009-11-01", "target": []}] * count
        payload = Payload(json.dumps({"instances": instances, "configuration": wanted}).encode(), MediaType.parse(JSON))
        tracemalloc.start()
        try:
            request = model.decode(payload)
            (prediction,) = model.predict([request], threads=1)
            assert len(model.encode(prediction, JSON)) > count
            reckoned = footprint(count, model.network, request.configuration, threads=1)
            return tracemalloc.get_traced_memory()[1] - reckoned
        finally:
            tracemalloc.stop()

    answered(2)  # so that everything is compiled
    return answered(series)


@pytest.mark.parametrize(
    ("series", "steps", "wanted"),
    [
        (2_000, 1, {"num_samples": 1}),
        (2_000, 1, {"num_samples": 1, "output_types": ["mean", "quantiles"], "quantiles": ["0.5", "0.9"]}),
        (300, 50, {"num_samples": 5, "output_types": ["mean", "samples"]}),
    ],
)
def test_a_request_takes_no_more_than_was_reckoned(series: int, steps: int, wanted: dict[str, object]) -> None:
    assert in_own_process(bytes_beyond_the_footprint, series, steps, wanted) < 0


def test_a_request_is_judged_by_the_threads_that_predict_it() -> None:
    model = DeepARModel(random_network(prediction_length=200, context_length=1, cells=2, layers=1, lags=(1,)))
    samples = 10_000
    count = available_memory() // bytes_for(model.network, samples, want_samples=False) + 1
    document = {
        "instances": [{"start": "2009-11-01", "target": []}] * count,
        "configuration": {"num_samples": samples, "output_types": ["mean"]},
    }
    body, media_type = json.dumps(document).encode(), MediaType.parse(JSON)
    assert len(model.decode(Payload(body, media_type, threads=1)).series) == count
    with pytest.raises(PayloadTooLarge, match=r"^configuration.num_samples: expected a number that fits "):
        model.decode(Payload(body, media_type, threads=count))
