"""A session with AWS: boto3, credentials and a region; or an error that says which of them is missing."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

from steelyard.errors import MissingExtraError, NotFoundError, SteelyardError

FALLBACK_REGION = "us-east-1"
PRICING_REGION = "us-east-1"
"""The Price List Query API answers in few regions, for all of them (AWS Billing user guide, Price List Query API endpoints)."""
CONNECT_S = 5
READ_S = 30
ATTEMPTS = 5
"""The first one included; botocore waits longer and longer between them, also when AWS says that it is asked too often."""


class Clients:
    """boto3 clients of one region, each made when it is first asked for."""

    def __init__(self, session: Any, region: str) -> None:
        from botocore.config import Config  # noqa: PLC0415  (the extra `aws`)

        self.region = region
        self._session = session
        self._config = Config(connect_timeout=CONNECT_S, read_timeout=READ_S, retries={"mode": "standard", "total_max_attempts": ATTEMPTS})

    def client(self, service: str) -> Any:
        """`pricing`, `ec2`, `service-quotas`."""
        where = PRICING_REGION if service == "pricing" else self.region
        return self._session.client(service, region_name=where, config=self._config)


def open_clients(region: str | None) -> Clients:
    """Clients with the credentials of the environment, in `region` or else the one that the environment names.

    Raises MissingExtraError without boto3, SteelyardError without credentials, NotFoundError for a region that there is not.
    """
    try:
        import boto3  # noqa: PLC0415  (the extra `aws`)
        from botocore.exceptions import BotoCoreError  # noqa: PLC0415
    except ImportError:
        raise MissingExtraError("aws", "steelyard catalog update") from None
    try:
        session = boto3.Session()
        credentials = session.get_credentials()
    except BotoCoreError as error:
        raise SteelyardError(f"AWS cannot be asked: {error}", next_step="aws configure list") from error
    if credentials is None:
        raise SteelyardError("no AWS credentials were found: not in the environment, nor in ~/.aws, nor from this machine's role",
                             next_step="export AWS_PROFILE=NAME, or aws configure")  # fmt: skip
    where = region or session.region_name or FALLBACK_REGION
    known = session.get_available_regions("ec2")
    if where not in known:
        near = get_close_matches(where, known, n=1)
        raise NotFoundError(f"'{where}' is not a region of EC2" + (f"; did you mean {near[0]}?" if near else ""),
                            next_step=f"steelyard catalog update --region {near[0] if near else FALLBACK_REGION}")  # fmt: skip
    return Clients(session, where)
