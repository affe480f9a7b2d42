"""Lambda functions, through boto3."""

import io
import itertools
import json
import zipfile
from typing import Any

from tests.region.jobs import ROLE
from tests.region.running_region import RunningRegion

NUMBERS = itertools.count()


def zipped(source: str, name: str = "lambda_function.py") -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as packed:
        packed.writestr(name, source)
    return content.getvalue()


def function(region: RunningRegion, source: str, **more: Any) -> str:
    """Create a function from a module's source; return its name."""
    name = f"function-{next(NUMBERS)}"
    given = {"Runtime": "python3.8", "Role": ROLE, "Handler": "lambda_function.lambda_handler", "Timeout": 30, **more}
    region.client("lambda").create_function(FunctionName=name, Code={"ZipFile": zipped(source)}, **given)
    return name


def invoke(region: RunningRegion, name: str, event: object = None, **more: Any) -> Any:
    """The result of an invocation, with its payload."""
    answer = region.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event or {}).encode(), **more)
    text = answer["Payload"].read()
    return answer | {"Payload": json.loads(text) if text else None}
