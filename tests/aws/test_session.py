"""What is missing before AWS can be asked: boto3, credentials, a region."""

import subprocess
import sys
from pathlib import Path

import pytest

from steelyard.aws.session import open_clients
from steelyard.errors import MissingExtraError, NotFoundError, SteelyardError


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without any credentials or configuration of the one who runs the tests."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_REGION",
                 "AWS_DEFAULT_REGION", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"):  # fmt: skip
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))


@pytest.fixture
def somebody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")


def test_without_boto3_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(MissingExtraError) as raised:
        open_clients(None)
    assert raised.value.next_step == "pip install 'steelyard[aws]'"


def test_without_credentials_it_says_where_they_were_looked_for() -> None:
    with pytest.raises(SteelyardError, match="no AWS credentials were found"):
        open_clients("eu-west-1")


def test_a_profile_that_there_is_not_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(SteelyardError, match="profile \\(nobody\\) could not be found"):
        open_clients(None)


def test_nothing_of_boto3_is_imported_before_aws_is_asked() -> None:
    code = "import sys, steelyard.verbs.catalog; sys.exit('boto3' in sys.modules or 'botocore' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.usefixtures("somebody")
def test_a_region_that_there_is_not_names_the_nearest() -> None:
    with pytest.raises(NotFoundError, match="'eu-wst-1' is not a region of EC2; did you mean eu-west-1"):
        open_clients("eu-wst-1")


@pytest.mark.usefixtures("somebody")
def test_the_region_is_the_one_asked_for_else_the_configured_one_else_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    assert open_clients(None).region == "us-east-1"
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-north-1")
    assert open_clients(None).region == "eu-north-1"
    assert open_clients("ap-south-1").region == "ap-south-1"


@pytest.mark.usefixtures("somebody")
def test_prices_are_asked_for_where_their_service_is() -> None:
    clients = open_clients("eu-west-1")
    assert clients.client("pricing").meta.region_name == "us-east-1"
    assert clients.client("ec2").meta.region_name == "eu-west-1"
