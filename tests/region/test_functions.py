"""Lambda functions, through boto3."""

import base64

import pytest
from botocore.exceptions import ClientError

from tests.region.functions import function, invoke, zipped
from tests.region.jobs import ROLE
from tests.region.running_region import RunningRegion, awaited

ECHO = """
import os
count = 0
def lambda_handler(event, context):
    global count
    count += 1
    print("count", count)
    return {"event": event, "count": count, "pid": os.getpid(), "name": context.function_name,
            "left": context.get_remaining_time_in_millis(), "mode": os.environ.get("MODE")}
"""


def test_a_function_answers_and_stays_warm(region: RunningRegion) -> None:
    name = function(region, ECHO, Environment={"Variables": {"MODE": "fast"}})
    first, second = (invoke(region, name, {"a": "é"}) for _ in range(2))
    assert (first["StatusCode"], first["ExecutedVersion"], "FunctionError" in first) == (200, "$LATEST", False)
    assert first["Payload"]["event"] == {"a": "é"}
    assert (first["Payload"]["name"], first["Payload"]["mode"]) == (name, "fast")
    assert 0 < first["Payload"]["left"] <= 30_000
    assert [each["Payload"]["count"] for each in (first, second)] == [1, 2]
    assert first["Payload"]["pid"] == second["Payload"]["pid"]


def test_the_log_has_the_output_of_an_event_between_start_and_end(region: RunningRegion) -> None:
    name = function(region, "def lambda_handler(event, context):\n    print('half a line', end='')\n")
    tail = base64.b64decode(invoke(region, name, LogType="Tail")["LogResult"]).decode().splitlines()
    words = [line.split()[0] for line in tail]
    assert words == ["This", "START", "half", "END", "REPORT"]
    assert tail[0].endswith("its Runtime python3.8 is ignored.")
    logs = region.client("logs").filter_log_events(logGroupName=f"/aws/lambda/{name}")
    assert [event["message"] for event in logs["events"]] == tail


def test_an_exception_is_reported_as_lambda_does(region: RunningRegion) -> None:
    name = function(region, "def lambda_handler(event, context):\n    raise KeyError('sentences')\n")
    answer = invoke(region, name, LogType="Tail")
    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    assert answer["Payload"]["errorType"] == "KeyError"
    assert answer["Payload"]["errorMessage"] == "'sentences'"
    assert "lambda_function.py" in answer["Payload"]["stackTrace"][-1]
    assert "[ERROR] KeyError: 'sentences'" in base64.b64decode(answer["LogResult"]).decode()


@pytest.mark.parametrize(
    ("source", "kind", "message"),
    [
        (
            "import time\ndef lambda_handler(e, c):\n    time.sleep(60)\n",
            "Sandbox.Timedout",
            "Task timed out after 1.00",
        ),
        ("import os\ndef lambda_handler(e, c):\n    os._exit(1)\n", "Runtime.ExitError", "Runtime exited"),
        ("def lambda_handler(e, c):\n    return {1, 2}\n", "TypeError", "not JSON serializable"),
        ("def other(e, c):\n    pass\n", "AttributeError", "Handler 'lambda_handler' missing on module"),
        ("import no_such_module\n", "ModuleNotFoundError", "No module named 'no_such_module'"),
        ("def lambda_handler(e, c):\n    return len(bytearray(2**30))\n", "MemoryError", ""),
    ],
)
def test_a_failed_event_has_a_reason_and_the_next_one_is_handled(
    region: RunningRegion, source: str, kind: str, message: str
) -> None:
    name = function(region, source, Timeout=1)
    for _ in range(2):
        answer = invoke(region, name)
        assert answer["FunctionError"] == "Unhandled"
        assert answer["Payload"]["errorType"] == kind
        assert message in answer["Payload"]["errorMessage"]


def test_a_function_calls_the_region(region: RunningRegion) -> None:
    source = (
        "import boto3\ndef lambda_handler(e, c):\n    return boto3.client('sts').get_caller_identity()['Account']\n"
    )
    assert invoke(region, function(region, source, MemorySize=512))["Payload"] == "123456789012"


def test_an_event_is_handled_later(region: RunningRegion) -> None:
    name = function(region, "def lambda_handler(e, c):\n    print('came', e['n'])\n")
    assert invoke(region, name, {"n": 7}, InvocationType="Event")["StatusCode"] == 202
    logs = region.client("logs")

    def logged() -> bool:
        try:
            return bool(logs.filter_log_events(logGroupName=f"/aws/lambda/{name}", filterPattern="came 7")["events"])
        except logs.exceptions.ResourceNotFoundException:
            return False

    awaited(logged, "the line")
    assert invoke(region, name, InvocationType="DryRun")["StatusCode"] == 204


def test_code_and_configuration_can_be_changed(region: RunningRegion) -> None:
    client, name = region.client("lambda"), function(region, "def lambda_handler(e, c):\n    return 1\n")
    before = client.get_function_configuration(FunctionName=name)
    assert invoke(region, name)["Payload"] == 1
    client.update_function_code(FunctionName=name, ZipFile=zipped("def other(e, c):\n    return 2\n", "module.py"))
    client.update_function_configuration(FunctionName=name, Handler="module.other", Timeout=5)
    assert invoke(region, name)["Payload"] == 2
    after = client.get_function(FunctionName=before["FunctionArn"])["Configuration"]
    assert (after["Timeout"], after["Handler"]) == (5, "module.other")
    assert after["CodeSha256"] != before["CodeSha256"]


def test_code_can_come_from_a_bucket(region: RunningRegion) -> None:
    region.client("s3").put_object(Bucket="data", Key="code.zip", Body=zipped("def f(e, c):\n    return 3\n", "m.py"))
    region.client("lambda").create_function(
        FunctionName="stored",
        Runtime="python3.11",
        Role=ROLE,
        Handler="m.f",
        Code={"S3Bucket": "data", "S3Key": "code.zip"},
    )
    assert invoke(region, "stored")["Payload"] == 3


def test_functions_are_listed_permitted_and_deleted(region: RunningRegion) -> None:
    client, name = region.client("lambda"), function(region, ECHO)
    assert name in [each["FunctionName"] for each in client.list_functions()["Functions"]]
    permission = {"StatementId": "api", "Action": "lambda:InvokeFunction", "Principal": "apigateway.amazonaws.com"}
    client.add_permission(FunctionName=name, **permission)
    assert '"Sid": "api"' in client.get_policy(FunctionName=name)["Policy"]
    with pytest.raises(client.exceptions.ResourceConflictException):
        client.add_permission(FunctionName=name, **permission)
    client.delete_function(FunctionName=name)
    with pytest.raises(client.exceptions.ResourceNotFoundException, match="Function not found: arn:aws:lambda:"):
        invoke(region, name)


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"Runtime": "nodejs20.x"}, "Runtime nodejs20.x: this region runs functions in Python"),
        ({"Code": {"ZipFile": b"no zip"}}, "Could not unzip uploaded file"),
        ({"Code": {"S3Bucket": "data", "S3Key": "nothing"}}, "Error occurred while GetObject. NoSuchKey"),
        ({"FunctionName": "a b"}, "1 validation error detected: Value 'a b' at 'functionName' failed to satisfy"),
    ],
)
def test_an_invalid_function_is_refused(region: RunningRegion, more: dict[str, object], sentence: str) -> None:
    given = {"FunctionName": "refused", "Runtime": "python3.11", "Role": ROLE, "Handler": "m.f"}
    with pytest.raises(ClientError) as refused:
        region.client("lambda").create_function(**(given | {"Code": {"ZipFile": zipped("")}} | more))
    assert sentence in refused.value.response["Error"]["Message"]
