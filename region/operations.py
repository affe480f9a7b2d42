"""The table of supported operations: one function each, of the region and the request's parameters."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from forecastle.region import iam, sts
from forecastle.region.functions import operations as functions
from forecastle.region.gateway import operations as gateway
from forecastle.region.local_region import LocalRegion
from forecastle.region.logs import operations as logs
from forecastle.region.metrics import operations as metrics
from forecastle.region.sagemaker import models, notebooks, tags
from forecastle.region.sagemaker.endpoints import configs
from forecastle.region.sagemaker.endpoints import operations as endpoints
from forecastle.region.sagemaker.endpoints.configs import CONFIG
from forecastle.region.sagemaker.endpoints.hosting import ENDPOINT
from forecastle.region.sagemaker.models import MODEL
from forecastle.region.sagemaker.training import operations as training
from forecastle.region.sagemaker.training.status import TRAINING
from forecastle.region.sagemaker.transform import operations as transform
from forecastle.region.sagemaker.transform.job import TRANSFORM
from forecastle.region.sagemaker.tuning import operations as tuning
from forecastle.region.sagemaker.tuning.job import TUNING

Parameters = dict[str, Any]
Operation = Callable[[LocalRegion, Parameters], Parameters | Awaitable[Parameters]]

JOB_KINDS = (TRAINING, TRANSFORM, TUNING)

OPERATIONS: Mapping[str, Mapping[str, Operation]] = {
    "sts": {
        "AssumeRole": sts.assume_role,
        "GetCallerIdentity": sts.get_caller_identity,
        "GetSessionToken": sts.get_session_token,
    },
    "iam": {
        "AttachRolePolicy": iam.attach_role_policy,
        "CreateRole": iam.create_role,
        "DeleteRole": iam.delete_role,
        "DetachRolePolicy": iam.detach_role_policy,
        "GetRole": iam.get_role,
        "ListAttachedRolePolicies": iam.list_attached_role_policies,
        "ListRoles": iam.list_roles,
        "SimulatePrincipalPolicy": iam.simulate_principal_policy,
    },
    "logs": {
        "CreateLogGroup": logs.create_log_group,
        "CreateLogStream": logs.create_log_stream,
        "DeleteLogGroup": logs.delete_log_group,
        "DeleteLogStream": logs.delete_log_stream,
        "DescribeLogGroups": logs.describe_log_groups,
        "DescribeLogStreams": logs.describe_log_streams,
        "FilterLogEvents": logs.filter_log_events,
        "GetLogEvents": logs.get_log_events,
        "PutLogEvents": logs.put_log_events,
    },
    "lambda": {
        "AddPermission": functions.add_permission,
        "CreateFunction": functions.create,
        "DeleteFunction": functions.delete,
        "GetFunction": functions.get,
        "GetFunctionConfiguration": functions.get_configuration,
        "GetPolicy": functions.get_policy,
        "Invoke": functions.invoke,
        "ListFunctions": functions.list_,
        "UpdateFunctionCode": functions.update_code,
        "UpdateFunctionConfiguration": functions.update_configuration,
    },
    "apigateway": {
        "CreateDeployment": gateway.create_deployment,
        "CreateResource": gateway.create_resource,
        "CreateRestApi": gateway.create_rest_api,
        "CreateStage": gateway.create_stage,
        "DeleteMethod": gateway.delete_method,
        "DeleteResource": gateway.delete_resource,
        "DeleteRestApi": gateway.delete_rest_api,
        "DeleteStage": gateway.delete_stage,
        "GetDeployments": gateway.get_deployments,
        "GetIntegration": gateway.get_integration,
        "GetMethod": gateway.get_method,
        "GetResource": gateway.get_resource,
        "GetResources": gateway.get_resources,
        "GetRestApi": gateway.get_rest_api,
        "GetRestApis": gateway.get_rest_apis,
        "GetStage": gateway.get_stage,
        "GetStages": gateway.get_stages,
        "PutIntegration": gateway.put_integration,
        "PutIntegrationResponse": gateway.put_integration_response,
        "PutMethod": gateway.put_method,
        "PutMethodResponse": gateway.put_method_response,
    },
    "cloudwatch": {
        "GetMetricData": metrics.get_metric_data,
        "GetMetricStatistics": metrics.get_metric_statistics,
        "ListMetrics": metrics.list_metrics,
        "PutMetricData": metrics.put_metric_data,
    },
    "sagemaker": {
        **TRAINING.operations(training.create),
        **TRANSFORM.operations(transform.create),
        **TUNING.operations(tuning.create),
        "ListTrainingJobsForHyperParameterTuningJob": tuning.list_training_jobs,
        **MODEL.operations(models.create),
        "DeleteModel": MODEL.delete,
        **CONFIG.operations(configs.create),
        "DeleteEndpointConfig": CONFIG.delete,
        **ENDPOINT.operations(endpoints.create),
        "DeleteEndpoint": endpoints.delete,
        "UpdateEndpoint": endpoints.update,
        "UpdateEndpointWeightsAndCapacities": endpoints.update_weights,
        "DescribeNotebookInstance": notebooks.describe,
        "AddTags": tags.add,
        "DeleteTags": tags.delete,
        "ListTags": tags.list_,
    },
    "sagemaker-runtime": {
        "InvokeEndpoint": lambda region, request: region.runtime.invoke(region, request),
        "InvokeEndpointAsync": lambda region, request: region.runtime.invoke_later(region, request),
        "InvokeEndpointWithResponseStream": lambda region, request: region.runtime.invoke_with_stream(region, request),
    },
}


def unknown(service: str, operation: str) -> str:
    """The error message for an unsupported operation."""
    done = OPERATIONS.get(service)
    if not done:
        return f"This region has no service {service}. It has {', '.join(['s3', *OPERATIONS])}."
    return f"This region does not support {operation} of {service}. It supports {', '.join(sorted(done))}."
