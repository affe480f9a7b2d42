"""Every operation in the table, asked through boto3, which checks what it sends; what comes back is checked here."""

import json
import time
from typing import Any

from botocore.validate import ParamValidator

from forecastle.region.operations import OPERATIONS
from tests.region.endpoints import config, endpoint, model, trained
from tests.region.functions import zipped
from tests.region.jobs import IMAGE, ROLE, channel, create, ended, put_numbers
from tests.region.running_region import RunningRegion

NOW = time.time()
METRIC = {"Namespace": "tests", "MetricName": "size", "Dimensions": [{"Name": "of", "Value": "all"}]}
PERIOD = {"StartTime": NOW - 60, "EndTime": NOW + 60, "Period": 60}


class Checked:
    """A region's clients, whose answers are checked against the shapes of AWS's model."""

    def __init__(self, region: RunningRegion) -> None:
        self.region = region
        self.asked: set[tuple[str, str]] = set()
        self.faults: list[str] = []

    def client(self, service: str) -> Any:
        client = self.region.client(service)
        # First: botocore itself decodes some members afterwards.
        client.meta.events.register_first(f"after-call.{client.meta.service_model.service_id.hyphenize()}", self._check)
        return client

    def _check(self, model: Any, parsed: dict[str, Any], **_: Any) -> None:
        self.asked.add((model.service_model.service_name, model.name))
        answer = {name: value for name, value in parsed.items() if name != "ResponseMetadata"}
        if model.output_shape is None or model.has_event_stream_output:
            return
        report = ParamValidator().validate(answer, model.output_shape)
        if report.has_errors():
            self.faults.append(f"{model.name}: {report.generate_report()}")


def test_every_operation_answers_as_its_model_says(region: RunningRegion) -> None:
    put_numbers(region)
    checked = Checked(region)
    for part in (_identity, _logs, _metrics, _jobs, _hosting, _functions, _gateway):
        part(checked)
    assert not checked.faults
    assert checked.asked == {(service, name) for service, table in OPERATIONS.items() for name in table}


def test_the_check_finds_a_missing_member(region: RunningRegion) -> None:
    checked = Checked(region)
    operation = checked.client("sagemaker").meta.service_model.operation_model("DescribeModel")
    checked._check(operation, {"ModelName": "without an ARN"})
    assert checked.faults
    assert "ModelArn" in checked.faults[0]


def _identity(checked: Checked) -> None:
    sts, iam = checked.client("sts"), checked.client("iam")
    sts.get_caller_identity()
    sts.get_session_token()
    sts.assume_role(RoleArn=ROLE, RoleSessionName="session")
    iam.create_role(RoleName="every", AssumeRolePolicyDocument="{}")
    iam.get_role(RoleName="every")
    iam.list_roles()
    policy = "arn:aws:iam::aws:policy/AmazonS3FullAccess"
    iam.attach_role_policy(RoleName="every", PolicyArn=policy)
    assert iam.list_attached_role_policies(RoleName="every")["AttachedPolicies"]
    iam.detach_role_policy(RoleName="every", PolicyArn=policy)
    iam.simulate_principal_policy(PolicySourceArn=ROLE, ActionNames=["s3:GetObject"])
    iam.delete_role(RoleName="every")


def _logs(checked: Checked) -> None:
    logs, stream = checked.client("logs"), {"logGroupName": "every", "logStreamName": "one"}
    logs.create_log_group(logGroupName="every")
    logs.create_log_stream(**stream)
    logs.put_log_events(**stream, logEvents=[{"timestamp": int(NOW * 1000), "message": "a line"}])
    assert logs.describe_log_groups(logGroupNamePrefix="every")["logGroups"]
    assert logs.describe_log_streams(logGroupName="every")["logStreams"]
    assert logs.get_log_events(**stream)["events"]
    assert logs.filter_log_events(logGroupName="every")["events"]
    logs.delete_log_stream(**stream)
    logs.create_log_stream(**stream)
    logs.delete_log_group(logGroupName="every")


def _metrics(checked: Checked) -> None:
    cloudwatch = checked.client("cloudwatch")
    cloudwatch.put_metric_data(
        Namespace="tests",
        MetricData=[{key: value for key, value in METRIC.items() if key != "Namespace"} | {"Value": 2}],
    )
    assert cloudwatch.list_metrics(Namespace="tests")["Metrics"]
    assert cloudwatch.get_metric_statistics(**METRIC, **PERIOD, Statistics=["Average", "Maximum"])["Datapoints"]
    query = {"Id": "a", "MetricStat": {"Metric": METRIC, "Period": 60, "Stat": "Sum"}}
    data = cloudwatch.get_metric_data(
        MetricDataQueries=[query], StartTime=PERIOD["StartTime"], EndTime=PERIOD["EndTime"]
    )
    assert data["MetricDataResults"][0]["Values"] == [2]


def _jobs(checked: Checked) -> None:
    region, sagemaker = checked.region, checked.client("sagemaker")
    sagemaker.describe_notebook_instance(NotebookInstanceName="mine")
    uri = trained(region)  # a training job that has ended
    sagemaker.list_training_jobs(MaxResults=1)
    fixed = {"shrinkage": "0"}
    definition = {
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "RoleArn": ROLE,
        "InputDataConfig": [channel("s3://data/numbers/")],
        "OutputDataConfig": {"S3OutputPath": "s3://data/every"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
    }
    arn = sagemaker.create_training_job(TrainingJobName="every", HyperParameters=fixed, **definition)["TrainingJobArn"]
    assert ended(region, "every")["TrainingJobStatus"] == "Completed"
    sagemaker.describe_training_job(TrainingJobName="every")
    sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "a", "Value": "b"}])
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"]
    sagemaker.delete_tags(ResourceArn=arn, TagKeys=["a"])
    sagemaker.stop_training_job(TrainingJobName=create(region, hyperparameters={"mood": "finishing"}))

    tuning = {"HyperParameterTuningJobName": "every"}
    sagemaker.create_hyper_parameter_tuning_job(
        **tuning,
        HyperParameterTuningJobConfig={
            "Strategy": "Grid",
            "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "none"},
            "ResourceLimits": {"MaxParallelTrainingJobs": 1},
            "ParameterRanges": {"CategoricalParameterRanges": [{"Name": "mood", "Values": ["finishing"]}]},
        },
        TrainingJobDefinition=definition | {"StaticHyperParameters": fixed},
    )
    sagemaker.describe_hyper_parameter_tuning_job(**tuning)
    assert sagemaker.list_hyper_parameter_tuning_jobs()["HyperParameterTuningJobSummaries"]
    sagemaker.list_training_jobs_for_hyper_parameter_tuning_job(**tuning)
    sagemaker.stop_hyper_parameter_tuning_job(**tuning)

    name = model(region, uri)
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://data/numbers/"}}
    sagemaker.create_transform_job(
        TransformJobName="every",
        ModelName=name,
        TransformInput={"DataSource": source, "ContentType": "text/csv"},
        TransformOutput={"S3OutputPath": "s3://data/every"},
        TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
    )
    sagemaker.describe_transform_job(TransformJobName="every")
    assert sagemaker.list_transform_jobs()["TransformJobSummaries"]
    sagemaker.stop_transform_job(TransformJobName="every")


def _hosting(checked: Checked) -> None:
    region, sagemaker, runtime = checked.region, checked.client("sagemaker"), checked.client("sagemaker-runtime")
    primary = {"Image": IMAGE, "ModelDataUrl": trained(region)}
    sagemaker.create_model(ModelName="every", ExecutionRoleArn=ROLE, PrimaryContainer=primary)
    sagemaker.describe_model(ModelName="every")
    assert sagemaker.list_models()["Models"]
    variant = {"VariantName": "one", "ModelName": "every", "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
    sagemaker.create_endpoint_config(EndpointConfigName="every", ProductionVariants=[variant])
    sagemaker.describe_endpoint_config(EndpointConfigName="every")
    assert sagemaker.list_endpoint_configs()["EndpointConfigs"]

    output = {"OutputConfig": {"S3OutputPath": "s3://data/answers"}}
    name = endpoint(region, config(region, {"one": ("every", 1.0)}, AsyncInferenceConfig=output))
    sagemaker.describe_endpoint(EndpointName=name)
    assert sagemaker.list_endpoints()["Endpoints"]
    request = {"EndpointName": name, "ContentType": "text/csv"}
    assert runtime.invoke_endpoint(**request, Body=b"1\n")["Body"].read()
    assert list(runtime.invoke_endpoint_with_response_stream(**request, Body=b"1\n")["Body"])
    assert runtime.invoke_endpoint_async(**request, InputLocation="s3://data/numbers/1.csv")["OutputLocation"]
    weights = [{"VariantName": "one", "DesiredWeight": 2.0}]
    sagemaker.update_endpoint_weights_and_capacities(EndpointName=name, DesiredWeightsAndCapacities=weights)
    sagemaker.update_endpoint(EndpointName=name, EndpointConfigName="every")
    sagemaker.create_endpoint(EndpointName="every", EndpointConfigName="every")
    for endpoint_name in (name, "every"):
        sagemaker.delete_endpoint(EndpointName=endpoint_name)
    sagemaker.delete_endpoint_config(EndpointConfigName="every")
    sagemaker.delete_model(ModelName="every")


def _functions(checked: Checked) -> None:
    functions, name = checked.client("lambda"), {"FunctionName": "every"}
    source = zipped("def lambda_handler(event, context):\n    return event\n")
    functions.create_function(
        **name,
        Runtime="python3.11",
        Role=ROLE,
        Handler="lambda_function.lambda_handler",
        Code={"ZipFile": source},
    )
    functions.get_function(**name)
    functions.get_function_configuration(**name)
    assert functions.list_functions()["Functions"]
    functions.update_function_configuration(**name, Timeout=20)
    functions.update_function_code(**name, ZipFile=source)
    assert json.load(functions.invoke(**name, Payload=b"[1]")["Payload"]) == [1]
    functions.add_permission(
        **name, StatementId="any", Action="lambda:InvokeFunction", Principal="apigateway.amazonaws.com"
    )
    assert functions.get_policy(**name)["Policy"]
    functions.delete_function(**name)


def _gateway(checked: Checked) -> None:
    gateway = checked.client("apigateway")
    api = {"restApiId": gateway.create_rest_api(name="every")["id"]}
    gateway.get_rest_api(**api)
    assert gateway.get_rest_apis()["items"]
    (root,) = (each["id"] for each in gateway.get_resources(**api)["items"])
    resource = api | {"resourceId": gateway.create_resource(**api, parentId=root, pathPart="part")["id"]}
    gateway.get_resource(**resource)
    method = resource | {"httpMethod": "OPTIONS"}
    gateway.put_method(**method, authorizationType="NONE")
    gateway.put_integration(**method, type="MOCK", requestTemplates={"application/json": '{"statusCode": 200}'})
    gateway.put_method_response(**method, statusCode="200")
    gateway.put_integration_response(**method, statusCode="200")
    gateway.get_method(**method)
    gateway.get_integration(**method)
    deployment = gateway.create_deployment(**api, stageName="first")["id"]
    gateway.create_stage(**api, stageName="second", deploymentId=deployment)
    gateway.get_stage(**api, stageName="first")
    assert len(gateway.get_stages(**api)["item"]) == 2
    assert gateway.get_deployments(**api)["items"]
    gateway.delete_stage(**api, stageName="second")
    gateway.delete_method(**method)
    gateway.delete_resource(**resource)
    gateway.delete_rest_api(**api)
