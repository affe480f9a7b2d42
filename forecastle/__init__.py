"""SageMaker's DeepAR and Random Cut Forest without SageMaker."""
