"""SageMaker: training jobs, models, endpoints and what goes with them."""
