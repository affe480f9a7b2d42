"""Regular expressions of the log lines that contain a job's metrics, for `Algorithm.metrics`.

They are those of SageMaker's built-in algorithms: the only group is the value.
"""

PROGRESS = {
    "train:progress": r"#progress_metric: host=\S+, completed (\S+) %",
    "train:throughput": r"#throughput_metric: host=\S+, train throughput=(\S+) records/second",
}


def quality(measured: str) -> str:
    """The expression for a `#quality_metric` line; `measured` is that of what is between the host and the `=`."""
    return rf"#quality_metric: host=\S+, {measured}=(\S+)"
