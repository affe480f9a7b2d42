"""A local AWS region: the services that SageMaker's notebooks call, on this machine."""
