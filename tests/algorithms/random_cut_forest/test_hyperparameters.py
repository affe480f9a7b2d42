"""The hyperparameters of Random Cut Forest."""

import pytest

from forecastle.algorithms.random_cut_forest.hyperparameters import RandomCutForestHyperparameters


@pytest.mark.parametrize("value", ['["accuracy"]', "['accuracy']", "('accuracy',)", '"[\\"accuracy\\"]"', ["accuracy"]])
def test_the_metrics_are_a_list_as_json_or_python_writes_it(value: object) -> None:
    given = {"feature_dim": "1.0", "num_trees": "5e1", "eval_metrics": value}
    parsed = RandomCutForestHyperparameters.parse(given)
    assert (parsed.feature_dim, parsed.num_trees, parsed.eval_metrics) == (1, 50, ["accuracy"])
