"""SageMaker's contract as data: the /opt/ml tree, job files, settings, errors, model artifacts."""
