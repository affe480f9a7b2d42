"""SageMaker: training jobs, models, endpoints, transforms and tuning."""
