"""AWS's service models, as botocore ships them."""

import threading
from typing import Any

from botocore.loaders import Loader
from botocore.model import ServiceModel

NAMES = ("sagemaker", "sagemaker-runtime", "logs", "cloudwatch", "sts", "iam")


class Models:
    """Service models by botocore's name of the service; each is loaded once (0.1 to 0.5 s)."""

    def __init__(self) -> None:
        self._loader = Loader()
        self._models: dict[str, Any] = {}
        self._lock = threading.Lock()

    def __getitem__(self, name: str) -> Any:
        with self._lock:
            if name not in self._models:
                self._models[name] = ServiceModel(self._loader.load_service_model(name, "service-2"), name)
            return self._models[name]

    def load_all(self) -> None:
        """Load the models that notebooks need first, so that requests do not wait for them."""
        for name in NAMES:
            self[name]
