"""How obstore is to reach a bucket: how patiently, and with whose credentials.

Left alone, it asks an address of the cloud's own for the credentials of the machine, and waits where there is
none; so that is left to it only where the configuration says so.
"""

import os
from collections.abc import Mapping
from datetime import timedelta
from enum import Enum
from typing import Any
from urllib.parse import urlsplit

from backend.config.values import RepositoryConfig
from backend.errors import InvalidInputError
from backend.fs import files

_LARGEST_BUNDLE = 16 << 20
_REGION = "us-east-1"
_AWS = ("AWS_ACCESS_KEY_ID", "AWS_WEB_IDENTITY_TOKEN_FILE")
_AWS_CONTAINER = ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI")
_AWS_FILES = (
    ("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials"),
    ("AWS_CONFIG_FILE", "~/.aws/config"),
)
_GOOGLE = (
    *("GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_SERVICE_ACCOUNT", "GOOGLE_SERVICE_ACCOUNT_PATH"),
    *("GOOGLE_SERVICE_ACCOUNT_KEY",),
)
_GOOGLE_FILE = "~/.config/gcloud/application_default_credentials.json"
_AZURE = (
    *("AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_ACCESS_KEY", "AZURE_STORAGE_MASTER_KEY"),
    *("AZURE_STORAGE_SAS_KEY", "AZURE_STORAGE_SAS_TOKEN", "AZURE_STORAGE_TOKEN"),
    *("AZURE_STORAGE_CLIENT_SECRET", "AZURE_CLIENT_SECRET", "AZURE_FEDERATED_TOKEN_FILE"),
    *("AZURE_USE_AZURE_CLI", "AZURE_STORAGE_USE_EMULATOR"),
)


class Patience(Enum):
    """How long what is waited for: the value has the options of the client, and of its retries.

    A question is answered soon, or the store is not to be reached. A part of an upload takes its time on a
    slow line. A download takes days where it must, as long as something comes.
    """

    ASKING = ({"timeout": "60s"}, 4, timedelta(seconds=30))
    SENDING = ({"timeout": "10min"}, 10, timedelta(minutes=3))
    READING = ({"timeout": "7d", "read_timeout": "60s"}, 10, timedelta(minutes=3))


def cloud_options(config: RepositoryConfig, patience: Patience) -> dict[str, Any]:
    """Return the options that `obstore.store.from_url` takes for a repository.

    Raises:
        InvalidInputError: there are no credentials, or one of the options cannot be used.
    """
    _demand_address(config)
    timeouts, retries, longest = patience.value
    options: dict[str, Any] = {
        "client_options": {**timeouts, "connect_timeout": "10s", **_transport(config)},
        "retry_config": {
            "max_retries": retries,
            "retry_timeout": longest,
            "backoff": {
                "init_backoff": timedelta(seconds=1),
                "max_backoff": timedelta(seconds=15),
                "base": 2,
            },
        },
    }
    if config.endpoint:
        options["endpoint"] = config.endpoint
    return options | _credentials(config)


def _demand_address(config: RepositoryConfig) -> None:
    """Refuse an endpoint that the library would stumble over."""
    try:
        address = urlsplit(config.endpoint)
        is_good = address.scheme in ("http", "https") and bool(address.hostname) and address.port != 0
    except ValueError:
        is_good = False
    if config.endpoint and not is_good:
        raise InvalidInputError(
            f'repository {config.name}: "{config.endpoint:.100}" is no endpoint: write https://HOST or '
            "https://HOST:PORT"
        )


def _transport(config: RepositoryConfig) -> dict[str, Any]:
    """What is to be trusted on the way."""
    options: dict[str, Any] = {}
    if (config.endpoint or os.environ.get("AWS_ENDPOINT_URL", "")).startswith("http://"):
        options["allow_http"] = True
    if path := config.ca_file or os.environ.get("AWS_CA_BUNDLE", ""):
        with files.os_errors_as(f"repository {config.name}: cannot read the certificates"):
            bundle = files.read_whole(path, _LARGEST_BUNDLE)
        if b"-----BEGIN CERTIFICATE-----" not in bundle:
            raise InvalidInputError(f"repository {config.name}: there is no certificate in {path}")
        options["root_certificate"] = bundle
    return options


def _credentials(config: RepositoryConfig) -> dict[str, Any]:
    """What says who we are, as far as it is not in the environment, which the library reads itself."""
    uses_role = config.credentials == "instance"
    match config.url.partition(":")[0]:
        case "s3":
            return _of_aws(config, uses_role=uses_role)
        case "gs" if not (uses_role or _is_set(*_GOOGLE) or _is_file(_GOOGLE_FILE)):
            raise _nobody(config, "GOOGLE_APPLICATION_CREDENTIALS")
        case "az" if not os.environ.get("AZURE_STORAGE_ACCOUNT_NAME"):
            raise _nobody(config, "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY")
        case "az" if not (uses_role or _is_set(*_AZURE)):
            raise _nobody(config, "AZURE_STORAGE_ACCOUNT_KEY")
        case _:
            return {}


def _of_aws(config: RepositoryConfig, *, uses_role: bool) -> dict[str, Any]:
    region = config.region or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if _is_set("AWS_ACCESS_KEY_ID") and not _is_set("AWS_SECRET_ACCESS_KEY"):
        raise _nobody(config, "AWS_SECRET_ACCESS_KEY as well as AWS_ACCESS_KEY_ID")
    if uses_role or _is_set(*_AWS, *_AWS_CONTAINER):
        return {"region": region or _REGION}
    if not (
        _is_set("AWS_PROFILE") or any(_is_file(os.environ.get(name) or path) for name, path in _AWS_FILES)
    ):
        raise _nobody(config, "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE")
    provider, region_of_profile = _of_profile(config)
    return {"region": region or region_of_profile or _REGION, "credential_provider": provider}


def _of_profile(config: RepositoryConfig) -> tuple[Any, str | None]:
    """The credentials that the programs of AWS keep for a user, and the region that goes with them."""
    profile = os.environ.get("AWS_PROFILE")
    try:
        from boto3 import Session
        from botocore.exceptions import BotoCoreError
        from obstore.auth.boto3 import Boto3CredentialProvider
    except ImportError:
        raise InvalidInputError(
            f"repository {config.name}: profiles of AWS need boto3 (pip install 'snapstow[aws]'); or set "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        ) from None
    try:
        session = Session(profile_name=profile)
        return Boto3CredentialProvider(session), session.region_name
    except (BotoCoreError, ValueError):
        raise InvalidInputError(
            f"repository {config.name}: the profile {profile or 'default'} of AWS has no credentials"
        ) from None


def _nobody(config: RepositoryConfig, variables: str) -> InvalidInputError:
    return InvalidInputError(
        f"repository {config.name}: no credentials for {config.url}: set {variables}; "
        'or write credentials = "instance" for the role of this machine'
    )


def _is_set(*names: str, environment: Mapping[str, str] = os.environ) -> bool:
    return any(environment.get(name) for name in names)


def _is_file(path: str) -> bool:
    return os.path.isfile(os.path.expanduser(path))
