"""The token by which the hosts of a job recognize each other."""

import hashlib
import hmac
import json
from collections.abc import Mapping

from forecastle.contract.job_files import Hosts
from forecastle.contract.settings import Settings


def token_of(hosts: Hosts, hyperparameters: Mapping[str, object], settings: Settings) -> str:
    """A token that only hosts with the same job and the same secret in the settings compute.

    Without a secret it keeps out the hosts of other jobs and programs that know nothing of this one, but not somebody
    who may read the job's description, which contains all that goes into it.
    """
    job = [sorted(hosts.all), dict(hyperparameters), settings.job_name, settings.job_arn]
    text = json.dumps(job, sort_keys=True, ensure_ascii=True)
    return hmac.new(settings.hosts_secret.encode(), text.encode(), hashlib.sha256).hexdigest()
