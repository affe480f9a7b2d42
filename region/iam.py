"""IAM: roles are stored but not enforced.

GetRole also returns roles that were never created here, as notebooks name roles of other accounts; deleted roles are
not found.
"""

import json
import time
from typing import Any
from urllib.parse import quote

from forecastle.region.account import ACCOUNT, ROLE
from forecastle.region.local_region import LocalRegion
from forecastle.region.wire.refusal import Refusal

Request = dict[str, Any]

KIND = "Role"
TRUSTED = ("sagemaker.amazonaws.com", "lambda.amazonaws.com")
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": list(TRUSTED)}, "Action": "sts:AssumeRole"}],
}


def get_role(region: LocalRegion, request: Request) -> Request:
    return {"Role": _role(region, request["RoleName"])}


def create_role(region: LocalRegion, request: Request) -> Request:
    name = request["RoleName"]
    with region.state.exclusive():
        if name == ROLE or any(each["RoleName"] == name for each in _made(region)):
            raise Refusal("EntityAlreadyExists", f"Role with name {name} already exists.", 409)
        role = _described(name, request["AssumeRolePolicyDocument"], request.get("Path", "/"))
        region.state.put(KIND, name, role | {"Description": request.get("Description")})
    return {"Role": role}


def delete_role(region: LocalRegion, request: Request) -> Request:
    role = _role(region, request["RoleName"])
    region.state.put(KIND, request["RoleName"], role | {"Deleted": True})
    return {}


def list_roles(region: LocalRegion, request: Request) -> Request:
    prefix = request.get("PathPrefix", "/")
    roles = [_own(), *_made(region)]
    return {"Roles": [role for role in roles if role["Path"].startswith(prefix)], "IsTruncated": False}


def attach_role_policy(region: LocalRegion, request: Request) -> Request:
    role = _role(region, request["RoleName"])
    if request["RoleName"] != ROLE:
        policies = [*role.get("Attached", []), request["PolicyArn"]]
        region.state.put(KIND, request["RoleName"], role | {"Attached": sorted(set(policies))})
    return {}


def detach_role_policy(region: LocalRegion, request: Request) -> Request:
    role = _role(region, request["RoleName"])
    left = [policy for policy in role.get("Attached", []) if policy != request["PolicyArn"]]
    region.state.put(KIND, request["RoleName"], role | {"Attached": left})
    return {}


def list_attached_role_policies(region: LocalRegion, request: Request) -> Request:
    attached = _role(region, request["RoleName"]).get("Attached", [])
    policies = [{"PolicyArn": each, "PolicyName": each.rpartition("/")[2]} for each in attached]
    return {"AttachedPolicies": policies, "IsTruncated": False}


def simulate_principal_policy(region: LocalRegion, request: Request) -> Request:
    """Every action is allowed."""
    del region
    resources = request.get("ResourceArns") or ["*"]
    results = [
        {"EvalActionName": action, "EvalResourceName": resource, "EvalDecision": "allowed"}
        for action in request["ActionNames"]
        for resource in resources
    ]
    return {"EvaluationResults": results, "IsTruncated": False}


def _role(region: LocalRegion, name: str) -> Request:
    role = region.state.get(KIND, name) or _described(name, json.dumps(TRUST), "/", created=0.0)
    if role.get("Deleted"):
        raise Refusal("NoSuchEntity", f"The role with name {name} cannot be found.", 404)
    return role


def _made(region: LocalRegion) -> list[Request]:
    return [role for role in region.state.all(KIND) if not role.get("Deleted")]


def _own() -> Request:
    return _described(ROLE, json.dumps(TRUST), "/", created=0.0)


def _described(name: str, trust: str, path: str, created: float | None = None) -> Request:
    return {
        "Path": path,
        "RoleName": name,
        "RoleId": "AROA" + name.upper().replace("-", "")[:17].ljust(17, "0"),
        "Arn": f"arn:aws:iam::{ACCOUNT}:role{path}{name}",
        "CreateDate": time.time() if created is None else created,
        "AssumeRolePolicyDocument": quote(trust),
        "MaxSessionDuration": 3600,
    }
