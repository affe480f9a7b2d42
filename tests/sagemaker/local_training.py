"""SDK 3's local mode, which with a custom image supports training jobs only.

`python local_training.py JOB.json` reads the job from the file; the model is in the job's folder afterwards.
"""

import json
import sys
from pathlib import Path
from typing import Any

from sagemaker.core.training.configs import Compute, InputData, SourceCode  # type: ignore[import-not-found]
from sagemaker.train import ModelTrainer  # type: ignore[import-not-found]
from sagemaker.train.model_trainer import Mode  # type: ignore[import-not-found]


def main(job: dict[str, Any]) -> None:
    """Run one job."""
    example = Path(job["example"])
    channels = json.loads((example / "input" / "config" / "inputdataconfig.json").read_text())
    ModelTrainer(
        training_mode=Mode.LOCAL_CONTAINER,
        training_image=job["image"],
        compute=Compute(instance_type="local_cpu", instance_count=1),
        hyperparameters=job["hyperparameters"],
        base_job_name=job["name"],
        local_container_root=job["work"],
        # SageMaker says `train` to an image; SDK 3's local mode says nothing, unless there is source code to start.
        source_code=SourceCode(command="forecastle train"),
    ).train(
        [
            InputData(
                channel_name=name,
                data_source=str(example / "input" / "data" / name),
                content_type=channel["ContentType"],
            )
            for name, channel in channels.items()
        ]
    )


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text()))
