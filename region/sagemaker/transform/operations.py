"""CreateTransformJob."""

from forecastle.region.local_region import LocalRegion
from forecastle.region.sagemaker.models import MODEL
from forecastle.region.sagemaker.resource import Record
from forecastle.region.sagemaker.transform.job import TRANSFORM, TransformJob
from forecastle.region.sagemaker.transform.processing import Processing
from forecastle.region.wire.refusal import invalid


def create(region: LocalRegion, request: Record) -> Record:
    job = request | {
        "Model": MODEL.get(region, request["ModelName"]),
        "TransformOutput": {"KmsKeyId": "", "AssembleWith": "None"} | request["TransformOutput"],
        "TransformInput": {"CompressionType": "None", "SplitType": "None"} | request["TransformInput"],
    }
    try:
        Processing.of(job)
    except ValueError as error:
        raise invalid(str(error)) from None
    return TRANSFORM.begin(region, job, TransformJob)
