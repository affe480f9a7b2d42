"""The region as an HTTPS proxy: clients keep AWS's own addresses."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from tests.region.endpoints import config, endpoint, model, trained
from tests.region.proxy.clients import proxied, python
from tests.region.running_region import ROOT, RunningRegion
from tests.region.test_region import forecastle


def test_boto3_reaches_every_service_at_awss_own_address(region: RunningRegion) -> None:
    script = """
import boto3, json, sys
def at(service, host, **more):
    return boto3.client(service, endpoint_url=f"https://{host}.amazonaws.com", region_name="us-east-1", **more)
print(json.dumps([
    at("sts", "sts.us-east-1").get_caller_identity()["Account"],
    boto3.client("sts").get_caller_identity()["Account"],
    boto3.client("iam").get_role(RoleName="forecastle")["Role"]["RoleName"],
    boto3.client("sagemaker").describe_notebook_instance(NotebookInstanceName="n")["NotebookInstanceName"],
    "logGroups" in boto3.client("logs").describe_log_groups(),
    "Metrics" in boto3.client("cloudwatch").list_metrics(),
    "Functions" in boto3.client("lambda").list_functions(),
    "items" in boto3.client("apigateway").get_rest_apis(),
]))
"""
    environ = proxied(region)
    assert not {"AWS_ENDPOINT_URL", "PYTHONPATH"} & environ.keys()
    assert json.loads(python(script, environ)) == [*["123456789012"] * 2, "forecastle", "n", True, True, True, True]


def test_an_endpoint_answers_at_the_runtimes_own_address(region: RunningRegion) -> None:
    name = endpoint(region, config(region, {"one": (model(region, trained(region)), 1.0)}))
    script = """
import boto3, sys
runtime = boto3.client("sagemaker-runtime")
answer = runtime.invoke_endpoint(EndpointName=sys.argv[1], Body=b"1\\n", ContentType="text/csv")
print(answer["Body"].read().decode())
"""
    assert python(script, proxied(region), name).strip()


def test_large_objects_pass_both_ways_in_virtual_host_style(region: RunningRegion) -> None:
    script = """
import boto3, hashlib, io, json, random, urllib.request
from boto3.s3.transfer import TransferConfig
from botocore import UNSIGNED
from botocore.config import Config

seen = []
s3 = boto3.client("s3", config=Config(s3={"addressing_style": "virtual"}))
s3.meta.events.register("before-send.s3.*", lambda request, **_: seen.append(request.url.split("/")[2]))
block, size = random.Random(1).randbytes(1 << 20), 100

class Stream(io.RawIOBase):  # which is not in memory, and cannot be read again
    left = size
    def readable(self): return True
    def readinto(self, target):
        if not self.left: return 0
        self.left -= 1
        target[:len(block)] = block
        return len(block)

s3.create_bucket(Bucket="logs")  # also the beginning of a service's host
s3.upload_fileobj(io.BufferedReader(Stream(), len(block)), "logs", "parts")
s3.put_object(Bucket="logs", Key="one", Body=block * size)
wanted = hashlib.sha256(block * size).hexdigest()
def digest(key):
    found = hashlib.sha256()
    for piece in s3.get_object(Bucket="logs", Key=key)["Body"].iter_chunks(1 << 20):
        found.update(piece)
    return found.hexdigest()
unsigned = boto3.client("s3", config=Config(signature_version=UNSIGNED))
url = s3.generate_presigned_url("get_object", Params={"Bucket": "logs", "Key": "one"})
print(json.dumps([
    [digest("parts") == wanted, digest("one") == wanted],
    unsigned.head_object(Bucket="logs", Key="one")["ContentLength"],
    len(unsigned.list_objects_v2(Bucket="logs")["Contents"]),
    len(urllib.request.urlopen(url).read()),
    sorted(set(seen)),
]))
"""
    size = 100 << 20
    printed = json.loads(python(script, proxied(region)))
    assert printed == [[True, True], size, 2, size, ["logs.s3.amazonaws.com"]]


def test_env_names_the_certificates_and_leaves_what_goes_past_a_proxy(region: RunningRegion, tmp_path: Path) -> None:
    own = tmp_path / "own.pem"
    own.write_text("-----BEGIN CERTIFICATE-----\nthe company's\n-----END CERTIFICATE-----\n")
    direct = "intranet,.amazonaws.com,s3.eu-west-1.amazonaws.com,*,packages.example.org"
    environ = proxied(region, no_proxy=direct, REQUESTS_CA_BUNDLE=str(own), NODE_EXTRA_CA_CERTS="/not/there")
    folder = region.home / "proxy"
    bundle = str(folder / "bundle.pem")
    assert environ["HTTPS_PROXY"] == environ["https_proxy"] == region.address
    assert environ["NO_PROXY"] == environ["no_proxy"] == "127.0.0.1,localhost,intranet,packages.example.org"
    assert {environ[name] for name in ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")} == {bundle}
    assert proxied(region)["NODE_EXTRA_CA_CERTS"] == str(folder / "ca.pem")
    (certificate,) = re.findall(r"-----BEGIN.+?-----END", (folder / "ca.pem").read_text(), re.DOTALL)
    proxied(region, REQUESTS_CA_BUNDLE=str(own))
    text = (folder / "bundle.pem").read_text()
    assert "the company's" in text
    assert certificate in text
    assert text.count("BEGIN CERTIFICATE") > 50  # the system's own


def test_run_and_kernel_take_the_proxy_too(tmp_path: Path) -> None:
    script = (
        "import boto3, os; account = boto3.client('sts').get_caller_identity()['Account']; "
        "print('AWS_ENDPOINT_URL' in os.environ, account)"
    )
    command = [sys.executable, "-m", "forecastle", "region", "run", "--proxy", "--home", str(tmp_path / "home"), "--"]
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*command, sys.executable, "-c", script], env=environ, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stdout == "False 123456789012\n", done.stderr
    interpreter = tmp_path / "python"  # one that has ipykernel, as far as can be seen
    interpreter.write_text("#!/bin/sh\nexit 0\n")
    interpreter.chmod(0o755)
    written = forecastle("kernel", "--proxy", "--python", str(interpreter), home=tmp_path / "home")
    assert written.returncode == 0, written.stderr
    kernel = json.loads((tmp_path / ".local/share/jupyter/kernels/forecastle-region/kernel.json").read_text())
    assert kernel["env"]["HTTPS_PROXY"] == "http://127.0.0.1:4566"
    assert "AWS_ENDPOINT_URL" not in kernel["env"]


def test_an_api_answers_at_awss_own_address(region: RunningRegion, tmp_path: Path) -> None:
    code = tmp_path / "lambda_function.py"
    code.write_text("def lambda_handler(event, context):\n    return {'sum': sum(event['numbers'])}\n")
    assert forecastle("lambda", "create", "proxied-sum", "--file", str(code), home=region.home).returncode == 0
    made = forecastle("api", "create", "sums", "--post", "/sum=proxied-sum", "--cors", "*", home=region.home)
    assert made.returncode == 0, made.stderr
    name = made.stdout.split("/restapis/")[1].partition("/")[0]
    script = """
import json, sys, urllib.error, urllib.request
def ask(path):
    url = f"https://{sys.argv[1]}.execute-api.us-east-1.amazonaws.com{path}"
    headers = {"Content-Type": "application/json", "Origin": "https://page.example"}
    request = urllib.request.Request(url, data=b'{"numbers": [1, 2]}', headers=headers)
    try:
        return json.load(urllib.request.urlopen(request))
    except urllib.error.HTTPError as error:
        return [error.code, json.load(error)]
print(json.dumps([ask("/prod/sum"), ask("/test/sum"), ask("/")]))
"""
    forbidden = [403, {"message": "Forbidden"}]
    assert json.loads(python(script, proxied(region), name)) == [{"sum": 3}, forbidden, forbidden]
