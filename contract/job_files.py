"""The files in /opt/ml/input/config that describe a job, read and written.

Source: "How Amazon SageMaker Provides Training Information", AWS's developer guide. Other members
and other files, of newer platforms, are ignored.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from forecastle.contract.channel import Channel
from forecastle.contract.errors import InvalidData, InvalidJob
from forecastle.contract.media_type import MediaType
from forecastle.contract.opt_ml import OptMl
from forecastle.contract.place import At, Place, Source
from forecastle.contract.quotation import as_json, of_json
from forecastle.contract.whole_file import write_whole


@dataclass(frozen=True, slots=True)
class Hosts:
    """The hosts of a job, and which of them this is."""

    current: str = "algo-1"
    all: tuple[str, ...] = ("algo-1",)

    @property
    def leads(self) -> bool:
        """Whether this host writes the model: exactly one does."""
        return self.current == min(self.all)


def read_hyperparameters(tree: OptMl) -> dict[str, object]:
    """The map of hyperparameters.json, values unchanged; empty if the file is missing."""
    return _read_object(hyperparameters_file(tree))


def hyperparameters_file(tree: OptMl) -> Path:
    return tree.config / "hyperparameters.json"


def write_hyperparameters(tree: OptMl, values: Mapping[str, object]) -> None:
    """Write hyperparameters.json as SageMaker does: values other than strings become strings with JSON."""
    strings = {name: value if isinstance(value, str) else json.dumps(value) for name, value in values.items()}
    _write_object(hyperparameters_file(tree), strings)


def read_hosts(tree: OptMl) -> Hosts:
    """The hosts of resourceconfig.json; one called algo-1 if the file is missing."""
    path = tree.config / "resourceconfig.json"
    content, place = _read_object(path), (Source(str(path)),)
    if not content:
        return Hosts()
    current, hosts = content.get("current_host"), content.get("hosts")
    if not isinstance(current, str):
        raise InvalidJob(place=(*place, "current_host"), expected="a string", got=as_json(current))
    if not (isinstance(hosts, list) and hosts and all(isinstance(host, str) for host in hosts)):
        raise InvalidJob(place=(*place, "hosts"), expected="a list of strings", got=as_json(hosts))
    if len(set(hosts)) < len(hosts):
        raise InvalidJob(place=(*place, "hosts"), expected="different names", got=as_json(hosts))
    if current not in hosts:
        raise InvalidJob(place=(*place, "current_host"), expected=f"one of {', '.join(hosts)}", got=as_json(current))
    return Hosts(current, tuple(hosts))


def write_hosts(tree: OptMl, hosts: Hosts) -> None:
    """Write resourceconfig.json."""
    content = {"current_host": hosts.current, "hosts": list(hosts.all), "network_interface_name": "eth0"}
    _write_object(tree.config / "resourceconfig.json", content)


def read_channels(tree: OptMl) -> dict[str, Channel]:
    """The channels by name: those of inputdataconfig.json and every folder of the data directory."""
    path = tree.config / "inputdataconfig.json"
    channels = {
        name: _channel(name, entry, tree, (Source(str(path)), name)) for name, entry in _read_object(path).items()
    }
    if tree.data.is_dir():
        for entry in sorted(tree.data.iterdir()):
            if entry.is_dir() and not entry.name.startswith("."):
                channels.setdefault(entry.name, Channel(entry.name, entry))
    return channels


def write_channels(tree: OptMl, channels: Iterable[Channel]) -> None:
    """Write inputdataconfig.json; a channel's `path` is not written: its data must be where `read_channels` looks."""
    content = {}
    for channel in channels:
        entry = {
            "TrainingInputMode": "Pipe" if channel.pipe else "File",
            "S3DistributionType": "ShardedByS3Key" if channel.sharded else "FullyReplicated",
            "RecordWrapperType": "None",
        }
        content[channel.name] = entry | ({"ContentType": str(channel.content_type)} if channel.content_type else {})
    _write_object(tree.config / "inputdataconfig.json", content)


def _channel(name: str, entry: object, tree: OptMl, place: Place) -> Channel:
    if not isinstance(entry, Mapping):
        raise InvalidJob(place=place, expected="an object", got=as_json(entry))
    mode = entry.get("TrainingInputMode", "File")
    if mode not in ("File", "FastFile", "Pipe"):
        raise InvalidJob(place=(*place, "TrainingInputMode"), expected="File, FastFile or Pipe", got=as_json(mode))
    content_type = entry.get("ContentType")
    if content_type is not None and not isinstance(content_type, str):
        raise InvalidJob(place=(*place, "ContentType"), expected="a string", got=as_json(content_type))
    pipe = mode == "Pipe"
    if pipe and entry.get("RecordWrapperType") == "RecordIO":
        got = '"RecordIO": files are read as they are'
        raise InvalidJob(place=(*place, "RecordWrapperType"), expected='"None"', got=got)
    try:
        media_type = MediaType.parse(content_type) if content_type else None
    except InvalidData as error:
        raise error.at((*place, "ContentType")) from None
    return Channel(
        name=name,
        path=tree.data / (f"{name}_0" if pipe else name),
        content_type=media_type,
        pipe=pipe,
        sharded=entry.get("S3DistributionType") == "ShardedByS3Key",
    )


def _read_object(path: Path) -> dict[str, object]:
    place = (Source(str(path)),)
    try:
        text = path.read_text("utf-8-sig")
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise InvalidJob(f"cannot be read ({error.strerror}).", place=place) from None
    except UnicodeDecodeError as error:
        raise InvalidJob(place=(*place, At("byte", error.start)), expected="UTF-8") from None
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        at = (At("line", error.lineno), At("column", error.colno))
        raise InvalidJob(f"{error.msg}.", place=(*place, *at)) from None
    except (ValueError, RecursionError) as error:  # a number of 5,000 digits, hundreds of nested lists
        raise InvalidJob(place=place, expected=f"ordinary JSON ({error})") from None
    if not isinstance(content, dict):
        raise InvalidJob(place=place, expected="a JSON object", got=of_json(content))
    return content


def _write_object(path: Path, content: Mapping[str, object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, json.dumps(content, indent=2).encode() + b"\n")
