"""Loading of a multi-model endpoint's models on their first request.

Source: "Build your own container for multi-model endpoints", AWS's developer guide.
"""

import hashlib
import shutil
import threading

import httpx

from forecastle.contract.errors import InvalidData, OutOfSpace
from forecastle.region.local_region import LocalRegion
from forecastle.region.objects import Missing, split
from forecastle.region.sagemaker.archives import unpack_object
from forecastle.region.sagemaker.serving import ModelServer
from forecastle.region.wire.refusal import Refusal

LOAD_SECONDS = 60.0
FULL, LOADED = 507, 409
LOCK = threading.Lock()  # one model is loaded at a time


def loaded(region: LocalRegion, server: ModelServer, target: str) -> str:
    """The server's name for a model, which is loaded if necessary. Raises the refusal of one that cannot be loaded."""
    name = hashlib.sha256(target.encode()).hexdigest()[:32]
    folder = server.models / name / "model"
    with LOCK, httpx.Client(timeout=LOAD_SECONDS, trust_env=False) as client:
        if client.get(f"{server.url}/models/{name}").status_code == 200:
            return name
        if not folder.exists():
            prefix = server.model_prefix
            uri = f"{prefix.rstrip('/')}/{target.lstrip('/')}"
            try:
                unpack_object(uri, folder, region.objects)
            except (Missing, InvalidData, OutOfSpace) as error:
                shutil.rmtree(folder.parent, ignore_errors=True)
                bucket, key = split(uri)
                sentence = f"Failed to download model data(bucket: {bucket}, key: {key}). {error}"
                raise Refusal("ValidationError", sentence) from None
        answer = _load(client, server, name, str(folder))
        while answer.status_code == FULL and _unload_one(client, server):
            answer = _load(client, server, name, str(folder))
    if answer.status_code not in (200, LOADED):
        shutil.rmtree(folder.parent, ignore_errors=True)
        sentence = f'Received error ({answer.status_code}) when loading {target}: "{answer.text}"'
        raise Refusal("ModelError", sentence, 424, OriginalStatusCode=answer.status_code, OriginalMessage=answer.text)
    return name


def _load(client: httpx.Client, server: ModelServer, name: str, folder: str) -> httpx.Response:
    return client.post(f"{server.url}/models", json={"model_name": name, "url": folder})


def _unload_one(client: httpx.Client, server: ModelServer) -> bool:
    """Unload the model that was loaded first; false if there is none."""
    there = client.get(f"{server.url}/models").json()["models"]
    return bool(there) and client.delete(f"{server.url}/models/{there[0]['modelName']}").status_code == 200
