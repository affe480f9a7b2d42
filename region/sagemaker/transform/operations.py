"""CreateTransformJob."""

from forecastle.contract.errors import InvalidJob
from forecastle.region.local_region import LocalRegion
from forecastle.region.sagemaker.models import MODEL
from forecastle.region.sagemaker.resource import Record
from forecastle.region.sagemaker.transform.job import TRANSFORM, TransformJob, processing_of
from forecastle.region.wire.refusal import invalid


def create(region: LocalRegion, request: Record) -> Record:
    job = request | {
        "Model": MODEL.get(region, request["ModelName"]),
        "TransformOutput": {"KmsKeyId": "", "AssembleWith": "None"} | request["TransformOutput"],
        "TransformInput": {"CompressionType": "None", "SplitType": "None"} | request["TransformInput"],
    }
    try:
        processing_of(job)
    except InvalidJob as error:
        raise invalid(str(error)) from None
    return TRANSFORM.begin(region, job, TransformJob)
