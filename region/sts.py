"""STS: every caller has the one role of this region."""

import time
from typing import Any

from forecastle.region.account import ACCOUNT, SESSION_ARN
from forecastle.region.local_region import LocalRegion

Request = dict[str, Any]

VALID_SECONDS = 3600
USER_ID = "AROAFORECASTLE000000:notebook"
CREDENTIALS = {"AccessKeyId": "ASIAFORECASTLE000000", "SecretAccessKey": "local", "SessionToken": "local"}


def get_caller_identity(region: LocalRegion, request: Request) -> Request:
    del region, request
    return {"UserId": USER_ID, "Account": ACCOUNT, "Arn": SESSION_ARN}


def assume_role(region: LocalRegion, request: Request) -> Request:
    del region
    role, session = request["RoleArn"].rpartition("/")[2], request["RoleSessionName"]
    user = {"AssumedRoleId": f"AROAFORECASTLE000000:{session}"}
    user["Arn"] = f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/{session}"
    return {"Credentials": _credentials(request), "AssumedRoleUser": user}


def get_session_token(region: LocalRegion, request: Request) -> Request:
    del region
    return {"Credentials": _credentials(request)}


def _credentials(request: Request) -> Request:
    return CREDENTIALS | {"Expiration": time.time() + request.get("DurationSeconds", VALID_SECONDS)}
