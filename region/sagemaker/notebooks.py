"""Notebook instances, as far as SDKs ask for them."""

from typing import Any

from forecastle.region.account import ROLE_ARN, arn
from forecastle.region.local_region import LocalRegion


def describe(region: LocalRegion, request: dict[str, Any]) -> dict[str, Any]:
    """DescribeNotebookInstance for any name, with the role that SDKs look up."""
    name = request["NotebookInstanceName"]
    return {
        "NotebookInstanceArn": arn("sagemaker", f"notebook-instance/{name}"),
        "NotebookInstanceName": name,
        "NotebookInstanceStatus": "InService",
        "InstanceType": "ml.t3.medium",
        "Url": region.address,
        "RoleArn": ROLE_ARN,
        "DirectInternetAccess": "Disabled",
    }
