"""The environment variables for clients of the region, in the syntax of each shell."""

import os
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path

from forecastle.contract.whole_file import write_whole
from forecastle.region.account import REGION
from forecastle.region.home import Home

Variables = Callable[[Home, str, Mapping[str, str]], dict[str, str]]  # of a region at an address, and what is set

SITE = Path(__file__).parent / "python" / "sitecustomize.py"
SDK = "SchemaVersion: '1.0'\nSageMaker:\n  PythonSDK:\n    Modules:\n      TelemetryOptOut: true\n"


def write_files(home: Home) -> None:
    """Write the files that the variables name."""
    write_whole(home.sdk_configuration, SDK.encode())
    write_whole(home.python / "sitecustomize.py", SITE.read_bytes())


def variables(home: Home, address: str, environ: Mapping[str, str]) -> dict[str, str]:
    """The variables with which SDKs, boto3, the AWS CLI and s3fs call the region at `address`."""
    python_path = [str(home.python), *environ.get("PYTHONPATH", "").split(os.pathsep)]
    known = f"{environ.get('NO_PROXY', '')},{environ.get('no_proxy', '')}"
    loopback = ",".join(dict.fromkeys(filter(None, ["127.0.0.1", "localhost", *known.split(",")])))
    return {
        "AWS_ENDPOINT_URL": address,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_EC2_METADATA_DISABLED": "true",
        "PYTHONPATH": os.pathsep.join(dict.fromkeys(filter(None, python_path))),
        "NO_PROXY": loopback,
        "no_proxy": loopback,  # which Python looks at first
        "SAGEMAKER_USER_CONFIG_OVERRIDE": str(home.sdk_configuration),
        "SAGEMAKER_SUPPRESS_V2_WARNING": "1",
    }


def _sh(name: str, value: str) -> str:
    return f"export {name}={shlex.quote(value)}"


def _fish(name: str, value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"set -gx {name} '{escaped}'"


def _powershell(name: str, value: str) -> str:
    escaped = value.replace("'", "''")
    return f"$env:{name} = '{escaped}'"


def _dotenv(name: str, value: str) -> str:
    return f"{name}={value}"


SHELLS: Mapping[str, Callable[[str, str], str]] = {
    "sh": _sh,
    "fish": _fish,
    "powershell": _powershell,
    "dotenv": _dotenv,
}
