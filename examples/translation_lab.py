"""The translation lab's console steps, in boto3: a training job, an endpoint, a Lambda function, an API with CORS.

    eval "$(forecastle region env)"                        # or AWS credentials, to run it on AWS
    python examples/translation_lab.py lambda_function.py --train algorithms/seq2seq/example/input
    python examples/translation_lab.py lambda_function.py --endpoint NAME   # which exists already

`lambda_function.py` is the lab's function; the endpoint's name in its line `endpoint_name = …` is replaced. The job is
run by forecastle's image: a region's own, on AWS that of the account's registry. Prints the invoke URL, for POST
requests from curl and web pages.
"""

import argparse
import io
import json
import re
import time
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import boto3

NAME = "translate"
RUNTIME = "python3.11"
ROLE_SECONDS = 15  # until a new role can be used everywhere in AWS
HEADERS = "method.response.header.Access-Control-Allow-"
CORS = {
    f"{HEADERS}Origin": "'*'",
    f"{HEADERS}Headers": "'Content-Type,X-Amz-Date,Authorization,X-Api-Key,X-Amz-Security-Token'",
    f"{HEADERS}Methods": "'OPTIONS,POST'",
}


def train(folder: Path, role: str) -> str:
    """Upload the channels in `folder`, run the training job, and deploy its model; the endpoint's name."""
    sagemaker, s3, identity = (boto3.client(name) for name in ("sagemaker", "s3", "sts"))
    account, region = identity.get_caller_identity()["Account"], sagemaker.meta.region_name
    bucket, image = f"{NAME}-{region}-{account}", f"{account}.dkr.ecr.{region}.amazonaws.com/forecastle:latest"
    where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    with suppress(s3.exceptions.BucketAlreadyOwnedByYou):
        s3.create_bucket(Bucket=bucket, **where)
    channels = sorted(path for path in (folder / "data").iterdir() if path.is_dir())
    for file in (path for channel in channels for path in channel.iterdir()):
        s3.upload_file(str(file), bucket, str(file.relative_to(folder)))
    job = f"{NAME}-{time.strftime('%Y-%m-%d-%H-%M-%S')}"
    sagemaker.create_training_job(
        TrainingJobName=job,
        AlgorithmSpecification={"TrainingImage": image, "TrainingInputMode": "File"},
        RoleArn=role,
        HyperParameters=json.loads((folder / "config" / "hyperparameters.json").read_text("utf-8")),
        InputDataConfig=[channel(each.name, f"s3://{bucket}/data/{each.name}") for each in channels],
        OutputDataConfig={"S3OutputPath": f"s3://{bucket}/models"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 10},
        StoppingCondition={"MaxRuntimeInSeconds": 3600},
    )
    sagemaker.get_waiter("training_job_completed_or_stopped").wait(
        TrainingJobName=job, WaiterConfig={"Delay": 5, "MaxAttempts": 720}
    )
    artifact = sagemaker.describe_training_job(TrainingJobName=job)["ModelArtifacts"]["S3ModelArtifacts"]
    container = {"Image": image, "ModelDataUrl": artifact}
    sagemaker.create_model(ModelName=job, ExecutionRoleArn=role, PrimaryContainer=container)
    variant = {"VariantName": "all", "ModelName": job, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    sagemaker.create_endpoint_config(EndpointConfigName=job, ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName=job, EndpointConfigName=job)
    sagemaker.get_waiter("endpoint_in_service").wait(EndpointName=job, WaiterConfig={"Delay": 5, "MaxAttempts": 360})
    return job


def channel(name: str, uri: str) -> dict[str, Any]:
    """A channel of a job, of all files below `uri`."""
    source = {"S3DataType": "S3Prefix", "S3Uri": uri, "S3DataDistributionType": "FullyReplicated"}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}}


def code(source: str, endpoint: str) -> bytes:
    """The function's zip, with the endpoint's name filled in."""
    filled = re.sub(r"(?m)^(\s*endpoint_name\s*=\s*).*$", lambda line: line[1] + repr(endpoint), source)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as packed:
        packed.writestr("lambda_function.py", filled)
    return content.getvalue()


def create_role() -> str:
    """The role that the function, the job and the endpoint run as."""
    services = {"Service": ["lambda.amazonaws.com", "sagemaker.amazonaws.com"]}
    statement = {"Effect": "Allow", "Principal": services, "Action": "sts:AssumeRole"}
    trust = {"Version": "2012-10-17", "Statement": [statement]}
    iam = boto3.client("iam")
    try:
        role = iam.create_role(RoleName=f"{NAME}-role", AssumeRolePolicyDocument=json.dumps(trust))["Role"]
    except iam.exceptions.EntityAlreadyExistsException:
        return str(iam.get_role(RoleName=f"{NAME}-role")["Role"]["Arn"])
    for policy in ("AmazonSageMakerFullAccess", "AmazonS3FullAccess", "service-role/AWSLambdaBasicExecutionRole"):
        iam.attach_role_policy(RoleName=f"{NAME}-role", PolicyArn=f"arn:aws:iam::aws:policy/{policy}")
    if iam.meta.endpoint_url.endswith(".amazonaws.com"):
        time.sleep(ROLE_SECONDS)
    return str(role["Arn"])


def create_function(content: bytes, role: str) -> str:
    """The function's ARN; one that exists gets the new code."""
    client = boto3.client("lambda")
    try:
        made = client.create_function(
            FunctionName=NAME,
            Runtime=RUNTIME,
            Role=role,
            Handler="lambda_function.lambda_handler",
            Code={"ZipFile": content},
            Timeout=60,
            MemorySize=512,
        )
    except client.exceptions.ResourceConflictException:
        return str(client.update_function_code(FunctionName=NAME, ZipFile=content)["FunctionArn"])
    client.add_permission(
        FunctionName=NAME,
        StatementId="api",
        Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
    )
    return str(made["FunctionArn"])


def create_api(function: str) -> str:
    """A REST API whose POST /translate calls the function, with CORS enabled, deployed to `prod`; its invoke URL."""
    client = boto3.client("apigateway")
    region = client.meta.region_name
    api = client.create_rest_api(name=NAME)["id"]
    root = client.get_resources(restApiId=api)["items"][0]["id"]
    resource = client.create_resource(restApiId=api, parentId=root, pathPart=NAME)["id"]
    uri = f"arn:aws:apigateway:{region}:lambda:path/2015-03-31/functions/{function}/invocations"
    answered = {f"{HEADERS}Origin": "'*'"}
    method(client, api, resource, "POST", answered, type="AWS", integrationHttpMethod="POST", uri=uri)
    mock = {"application/json": json.dumps({"statusCode": 200})}
    method(client, api, resource, "OPTIONS", CORS, type="MOCK", requestTemplates=mock)
    client.create_deployment(restApiId=api, stageName="prod")
    address = client.meta.endpoint_url
    if address.endswith(".amazonaws.com"):
        return f"https://{api}.execute-api.{region}.amazonaws.com/prod/{NAME}"
    return f"{address}/restapis/{api}/prod/_user_request_/{NAME}"


def method(client: Any, api: str, resource: str, verb: str, headers: dict[str, str], **integration: Any) -> None:
    """A method, what it calls, and the headers of its answers."""
    place = {"restApiId": api, "resourceId": resource, "httpMethod": verb}
    client.put_method(**place, authorizationType="NONE")
    client.put_method_response(**place, statusCode="200", responseParameters=dict.fromkeys(headers, True))
    client.put_integration(**place, **integration)
    client.put_integration_response(**place, statusCode="200", responseParameters=headers)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("function", type=Path, help="the lab's lambda_function.py")
    one = parser.add_mutually_exclusive_group(required=True)
    one.add_argument("--train", type=Path, help="a folder with config/hyperparameters.json and the channels in data/")
    one.add_argument("--endpoint", help="the name of an endpoint")
    given = parser.parse_args()
    role = create_role()
    endpoint = given.endpoint or train(given.train, role)
    print(create_api(create_function(code(given.function.read_text("utf-8"), endpoint), role)))


if __name__ == "__main__":
    main()
