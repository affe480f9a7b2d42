"""Packs a converted model into an artifact: from a job's channel, or from a folder."""

from collections.abc import Iterator
from pathlib import Path

from forecastle.algorithms.job import Job
from forecastle.algorithms.translation import weights
from forecastle.algorithms.translation.bundle import MODEL, Bundle, bundle, chosen, is_needed
from forecastle.algorithms.translation.hyperparameters import TranslationHyperparameters
from forecastle.algorithms.translation.model import TranslationModel
from forecastle.contract.artifact import Artifact
from forecastle.contract.errors import InvalidData
from forecastle.contract.place import Source

ORIGIN = "CTranslate2"
CHANNEL = "model"
_START = 200  # bytes of model.bin that tell whether it is one


def fit(job: Job[TranslationHyperparameters]) -> TranslationModel:
    """The model in the job's channel. Raises `InvalidData` if it is incomplete, or its files do not fit."""
    parts = _read(job)
    try:
        model = TranslationModel(parts, job.hyperparameters, job.settings.max_tokens)
    except InvalidData as error:
        raise error.within(f"Channel {CHANNEL}") from None
    job.log.line(f"Packed {_described(parts)}: nothing is trained.")
    return model


def examine(job: Job[TranslationHyperparameters]) -> Iterator[str]:
    """Read and check the model without loading it. Raises as `fit` does."""
    yield f"Channel {CHANNEL}: {_described(_read(job))}"


def _described(parts: Bundle) -> str:
    sizes = f"{parts.weights.size} weights, {parts.source.size} source tokens, {parts.target.size} target tokens"
    return f"a Transformer with {sizes}"


def _read(job: Job[TranslationHyperparameters]) -> Bundle:
    files: dict[str, bytes] = {}
    for path, stream in job.channels[CHANNEL].streams():
        name = path.rsplit("/", 1)[-1]
        if not is_needed(name):
            job.log.warning(f"{path} is not read: a model of CTranslate2 has no such file.")
            continue
        if name in files:
            raise InvalidData(place=(Source(path),), expected="one model", got=f"a second {name}")
        files[name] = stream.read()
    try:
        return bundle({kept: files[name] for kept, name in chosen(files).items()})
    except InvalidData as error:
        raise error.within(f"Channel {CHANNEL}") from None


def adopt(folder: Path) -> Artifact | None:
    """The artifact of a folder with a model of CTranslate2; None if there is none. Raises `InvalidData`."""
    try:
        with (folder / MODEL).open("rb") as file:
            if not weights.is_model(file.read(_START)):
                return None
    except OSError:
        return None
    try:
        names = chosen({path.name for path in folder.iterdir() if path.is_file()})
        files = {kept: (folder / name).read_bytes() for kept, name in names.items()}
        bundle(files)
    except InvalidData as error:
        raise error.within(str(folder)) from None
    given = TranslationHyperparameters.parse({}).model_dump(mode="json")
    return Artifact({}, given | {"origin": ORIGIN}, hyperparameters={}, files=files)
