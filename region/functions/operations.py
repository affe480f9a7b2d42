"""Lambda's operations on functions of Python code in a zip."""

import base64
import hashlib
import io
import json
import shutil
import threading
import time
import uuid
import zipfile
from datetime import UTC, datetime
from typing import Any

from forecastle.region.account import arn
from forecastle.region.functions.workers import folder_of
from forecastle.region.local_region import LocalRegion
from forecastle.region.objects import Missing
from forecastle.region.wire.paging import first_of
from forecastle.region.wire.refusal import Refusal

Request = dict[str, Any]

KIND = "Function"
LATEST = "$LATEST"
UNPACKED_BYTES = 250 * 2**20


def create(region: LocalRegion, request: Request) -> Request:
    name = _name(request)
    if request.get("PackageType", "Zip") != "Zip":
        raise _invalid("This region does not support PackageType Image: upload the code as a zip file.")
    if not request.get("Runtime", "").startswith("python"):
        raise _invalid(
            f"Runtime {request.get('Runtime', '')}: this region runs Python functions only, such as python3.11."
        )
    if not request.get("Handler"):
        raise _invalid("A function needs a Handler, such as lambda_function.lambda_handler.")
    content = _content(region, request["Code"])
    function = {
        "FunctionName": name,
        "FunctionArn": arn("lambda", f"function:{name}"),
        "Runtime": request["Runtime"],
        "Role": request["Role"],
        "Handler": request["Handler"],
        "Description": request.get("Description", ""),
        "Timeout": request.get("Timeout", 3),
        "MemorySize": request.get("MemorySize", 128),
        "Environment": request.get("Environment", {"Variables": {}}),
        "PackageType": "Zip",
        "Architectures": request.get("Architectures", ["x86_64"]),
        "Version": LATEST,
        "State": "Active",
        "LastUpdateStatus": "Successful",
        "CreationTime": time.time(),
        "Policy": [],
        **_stamped(),
    }
    with region.state.exclusive():
        if region.state.get(KIND, name) is not None:
            raise Refusal("ResourceConflictException", f"Function already exist: {name}", 409)
        function |= _unpacked(region, function, content)
        region.state.put(KIND, name, function)
    region.say(f"function {name}: created")
    return function


def get(region: LocalRegion, request: Request) -> Request:
    function = function_of(region, request)
    code = {"RepositoryType": "S3", "Location": str(folder_of(region, function))}
    return {"Configuration": function, "Code": code, "Tags": {}}


def get_configuration(region: LocalRegion, request: Request) -> Request:
    return function_of(region, request)


def list_(region: LocalRegion, request: Request) -> Request:
    functions = region.state.all(KIND)
    start, count = (
        first_of(request.get("Marker") or None, "InvalidParameterValueException", "Marker"),
        request.get("MaxItems", 50),
    )
    answer: Request = {"Functions": functions[start : start + count]}
    return answer | ({"NextMarker": str(start + count)} if start + count < len(functions) else {})


def update_code(region: LocalRegion, request: Request) -> Request:
    content = _content(region, request)
    with region.state.exclusive():
        function = function_of(region, request)
        before = folder_of(region, function)
        changed = function | _stamped() | _unpacked(region, function, content)
        region.state.put(KIND, function["FunctionName"], changed)
    region.functions.retire(function["FunctionName"])
    shutil.rmtree(before, ignore_errors=True)
    return changed


def update_configuration(region: LocalRegion, request: Request) -> Request:
    members = ("Runtime", "Role", "Handler", "Description", "Timeout", "MemorySize", "Environment")
    with region.state.exclusive():
        function = function_of(region, request)
        changed = function | {name: request[name] for name in members if name in request} | _stamped()
        region.state.put(KIND, function["FunctionName"], changed)
    region.functions.retire(function["FunctionName"])
    return changed


def delete(region: LocalRegion, request: Request) -> Request:
    with region.state.exclusive():
        function = function_of(region, request)
        region.state.delete(KIND, function["FunctionName"])
    region.functions.retire(function["FunctionName"])
    shutil.rmtree(region.home.functions / function["FunctionName"], ignore_errors=True)
    region.say(f"function {function['FunctionName']}: deleted")
    return {"StatusCode": 204}


def invoke(region: LocalRegion, request: Request) -> Request:
    function = function_of(region, request)
    try:
        event = json.loads(request.get("Payload") or b"{}")
        context = json.loads(base64.b64decode(request["ClientContext"])) if request.get("ClientContext") else None
    except ValueError as error:
        raise Refusal("InvalidRequestContentException", f"Could not parse request body into json: {error}") from None
    kind = request.get("InvocationType", "RequestResponse")
    if kind == "DryRun":
        return {"StatusCode": 204}
    if kind == "Event":
        given = (region, function, event, context)
        threading.Thread(target=region.functions.invoke, args=given, name="event", daemon=True).start()
        return {"StatusCode": 202, "Payload": b""}
    outcome = region.functions.invoke(region, function, event, context)
    answer: Request = {"StatusCode": 200, "Payload": outcome.payload, "ExecutedVersion": LATEST}
    if outcome.error is not None:
        answer["FunctionError"] = outcome.error
    if request.get("LogType") == "Tail":
        answer["LogResult"] = base64.b64encode(outcome.log).decode()
    return answer


def add_permission(region: LocalRegion, request: Request) -> Request:
    statement = {
        "Sid": request["StatementId"],
        "Effect": "Allow",
        "Principal": {"Service": request["Principal"]},
        "Action": request["Action"],
    }
    with region.state.exclusive():
        function = function_of(region, request)
        if any(each["Sid"] == request["StatementId"] for each in function["Policy"]):
            sentence = f"The statement id ({request['StatementId']}) provided already exists."
            raise Refusal("ResourceConflictException", sentence, 409)
        statement["Resource"] = function["FunctionArn"]
        region.state.change(KIND, function["FunctionName"], Policy=[*function["Policy"], statement])
    return {"Statement": json.dumps(statement)}


def get_policy(region: LocalRegion, request: Request) -> Request:
    function = function_of(region, request)
    if not function["Policy"]:
        raise Refusal("ResourceNotFoundException", "The resource you requested does not exist.", 404)
    policy = {"Version": "2012-10-17", "Id": "default", "Statement": function["Policy"]}
    return {"Policy": json.dumps(policy), "RevisionId": function["RevisionId"]}


def function_of(region: LocalRegion, request: Request) -> Request:
    """The record of a function, by its name or its ARN."""
    name = _name(request)
    function = region.state.get(KIND, name)
    if function is None:
        raise Refusal("ResourceNotFoundException", f"Function not found: {arn('lambda', f'function:{name}')}", 404)
    return function


def _name(request: Request) -> str:
    text = str(request["FunctionName"])
    return text.partition(":function:")[2].partition(":")[0] if ":function:" in text else text.rpartition(":")[2]


def _content(region: LocalRegion, code: Request) -> bytes:
    if code.get("ZipFile"):
        return bytes(code["ZipFile"])
    if code.get("S3Bucket") and code.get("S3Key"):
        try:
            return region.objects.read(code["S3Bucket"], code["S3Key"])
        except Missing as error:
            raise _invalid(f"Error occurred while GetObject. {error}") from None
    raise _invalid("Please provide a source for function code: ZipFile, or S3Bucket and S3Key.")


def _unpacked(region: LocalRegion, function: Request, content: bytes) -> Request:
    """Unpack a zip file into a new folder; return the members of the record for it."""
    code = uuid.uuid4().hex
    folder = region.home.functions / function["FunctionName"] / code
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            if sum(each.file_size for each in packed.infolist()) > UNPACKED_BYTES:
                raise _invalid(f"Unzipped size must be smaller than {UNPACKED_BYTES} bytes")
            packed.extractall(folder)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError):
        raise _invalid("Could not unzip uploaded file. Please check your file, then try to upload again.") from None
    digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
    return {"CodeId": code, "CodeSize": len(content), "CodeSha256": digest}


def _stamped() -> Request:
    moment = datetime.now(UTC)
    return {"LastModified": f"{moment:%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "+0000", "RevisionId": str(uuid.uuid4())}


def _invalid(sentence: str) -> Refusal:
    return Refusal("InvalidParameterValueException", sentence)
