"""STS, IAM and the notebook instance, through boto3."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from tests.region.running_region import RunningRegion
from tests.region.test_region import forecastle

ROLE = "arn:aws:iam::123456789012:role/forecastle"


def test_every_caller_has_the_regions_role(region: RunningRegion) -> None:
    identity = region.client("sts").get_caller_identity()
    assert identity["Arn"] == "arn:aws:sts::123456789012:assumed-role/forecastle/notebook"
    assert identity["Account"] == "123456789012"
    assert region.client("iam").get_role(RoleName="forecastle")["Role"]["Arn"] == ROLE


def test_any_role_can_be_assumed(region: RunningRegion) -> None:
    answer = region.client("sts").assume_role(RoleArn=ROLE, RoleSessionName="mine", DurationSeconds=900)
    assert answer["AssumedRoleUser"]["Arn"].endswith("assumed-role/forecastle/mine")
    assert answer["Credentials"]["Expiration"].year > 2000


def test_roles_are_stored(region: RunningRegion) -> None:
    iam = region.client("iam")
    trust = {"Version": "2012-10-17", "Statement": []}
    made = iam.create_role(RoleName="lab", AssumeRolePolicyDocument=json.dumps(trust))["Role"]
    iam.attach_role_policy(RoleName="lab", PolicyArn="arn:aws:iam::aws:policy/AmazonSageMakerFullAccess")
    assert made["AssumeRolePolicyDocument"] == trust
    assert {"forecastle", "lab"} <= {role["RoleName"] for role in iam.list_roles()["Roles"]}
    attached = iam.list_attached_role_policies(RoleName="lab")["AttachedPolicies"]
    assert [each["PolicyName"] for each in attached] == ["AmazonSageMakerFullAccess"]
    with pytest.raises(iam.exceptions.EntityAlreadyExistsException):
        iam.create_role(RoleName="lab", AssumeRolePolicyDocument="{}")
    iam.delete_role(RoleName="lab")
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.get_role(RoleName="lab")


def test_a_role_of_another_account_is_returned(region: RunningRegion) -> None:
    role = region.client("iam").get_role(RoleName="SageMakerRoleOfAnotherAccount")["Role"]
    (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert "sagemaker.amazonaws.com" in statement["Principal"]["Service"]


def test_every_action_is_allowed(region: RunningRegion) -> None:
    asked = {"PolicySourceArn": ROLE, "ActionNames": ["s3:PutObject", "sagemaker:CreateEndpoint"]}
    pages = region.client("iam").get_paginator("simulate_principal_policy").paginate(**asked)
    found = [(each["EvalActionName"], each["EvalDecision"]) for page in pages for each in page["EvaluationResults"]]
    assert found == [("s3:PutObject", "allowed"), ("sagemaker:CreateEndpoint", "allowed")]


def test_the_notebook_instance_has_the_role(region: RunningRegion) -> None:
    described = region.client("sagemaker").describe_notebook_instance(NotebookInstanceName="local")
    assert described["RoleArn"] == ROLE


def test_a_violated_constraint_is_refused_with_awss_message(region: RunningRegion) -> None:
    iam = region.client("iam")
    with pytest.raises(ClientError) as refused:
        iam.get_role(RoleName="a" * 65)
    assert refused.value.response["Error"] == {
        "Type": "Sender",
        "Code": "ValidationError",
        "Message": f"1 validation error detected: Value '{'a' * 65}' at 'roleName' failed to satisfy constraint: "
        "Member must have length less than or equal to 64",
    }


@pytest.mark.parametrize(
    ("service", "call", "sentence"),
    [
        ("sagemaker", "list_domains", "This region does not support ListDomains of sagemaker. It supports AddTags,"),
        ("iam", "list_users", "This region does not support ListUsers of iam. It supports AttachRolePolicy,"),
        ("dynamodb", "list_tables", "This region has no service DynamoDB_20120810. It has s3, "),
        ("sns", "list_topics", "This region has no service sns. It has s3, "),
        ("ec2", "describe_instances", "This region has no service ec2. It has s3, "),
        ("ecr", "describe_repositories", "This region has no service AmazonEC2ContainerRegistry_V20150921. It has"),
    ],
)
def test_an_unsupported_operation_is_named(region: RunningRegion, service: str, call: str, sentence: str) -> None:
    with pytest.raises(ClientError) as refused:
        getattr(region.client(service), call)()
    assert refused.value.response["Error"]["Code"] in ("UnknownOperationException", "InvalidAction")
    assert refused.value.response["Error"]["Message"].startswith(sentence)


def test_a_client_with_an_address_of_its_own_for_sts_comes_to_the_region(region: RunningRegion, tmp_path: Path) -> None:
    script = (
        "import boto3; client = boto3.client('sts', endpoint_url='https://sts.us-east-1.amazonaws.com'); "
        "print(client.get_caller_identity()['Account'])"
    )
    assert region.address
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.hidden = True\n")
    printed = forecastle("env", "--shell", "dotenv", home=region.home, PYTHONPATH=str(tmp_path)).stdout
    environ = dict(line.split("=", 1) for line in printed.splitlines())
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; print(sys.hidden); {script}"],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "True\n123456789012\n", done.stderr
