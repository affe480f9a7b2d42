"""A local AWS region: what SageMaker's notebooks call, answered on this machine."""
