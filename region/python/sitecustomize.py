"""Redirect the STS client of SageMaker's SDKs, which has an explicit AWS address, to the region.

`forecastle region env` adds this folder to PYTHONPATH. If AWS_ENDPOINT_URL is set, botocore's clients with an AWS
address use that of AWS_ENDPOINT_URL instead. Runs on Python 3.6 and later.
"""

# mypy: ignore-errors

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


def _redirect(session_module):
    create = session_module.Session.create_client

    def create_client(self, *arguments, **named):
        endpoint = named.get("endpoint_url") or ""
        ours = os.environ.get("AWS_ENDPOINT_URL")
        if ours and ".amazonaws.com" in endpoint:
            named["endpoint_url"] = ours
        return create(self, *arguments, **named)

    session_module.Session.create_client = create_client


class _Watch:
    """Patches `botocore.session` when it is imported."""

    def find_spec(self, name, path=None, target=None):
        if name != "botocore.session":
            return None
        sys.meta_path.remove(self)
        from importlib.util import find_spec

        spec = find_spec(name)
        if spec is None or spec.loader is None:
            return spec
        load = spec.loader.exec_module

        def exec_module(module):
            load(module)
            _redirect(module)

        spec.loader.exec_module = exec_module
        return spec


def _run_hidden_sitecustomize():
    """Run the next sitecustomize on the path, which this one hides."""
    for folder in sys.path:
        path = os.path.join(folder or os.curdir, "sitecustomize.py")
        if os.path.isfile(path) and os.path.dirname(os.path.abspath(path)) != HERE:
            with open(path, "rb") as file:
                code = compile(file.read(), path, "exec")
            exec(code, {"__name__": "sitecustomize", "__file__": path})
            return


if os.environ.get("AWS_ENDPOINT_URL"):
    sys.meta_path.insert(0, _Watch())
_run_hidden_sitecustomize()
