"""Which store a URL means, with whose credentials, and what is said where it cannot be opened."""

import json
import os
import socket
import sys
import time
from pathlib import Path
from uuid import uuid4

import pytest

from backend.config.values import RepositoryConfig
from backend.errors import InvalidInputError, SnapshotError
from backend.repository.cloud_store import CloudStore
from backend.repository.directory_store import DirectoryStore
from backend.repository.object_store import StoreRefusedError, StoreUnreachableError
from backend.repository.open_store import open_store
from backend.repository.rclone_store import RcloneStore
from tests.contracts.cloud_in_trouble import impatient_store
from tests.contracts.object_store import KEY, keys_in, put
from tests.support.buckets import Bucket
from tests.support.ports import free_port
from tests.support.swift import Swift
from tests.support.tls import tls_front

CREDENTIALS = ("AWS_", "GOOGLE_", "AZURE_", "IDENTITY_", "MSI_")


@pytest.fixture(autouse=True)
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user without credentials for anything."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in os.environ:
        if name.startswith(CREDENTIALS):
            monkeypatch.delenv(name)


def refusal(config: RepositoryConfig) -> str:
    """The sentence by which it is refused, at once and without asking anybody."""
    before = time.monotonic()
    with pytest.raises(InvalidInputError) as caught:
        open_store(config)
    assert time.monotonic() - before < 1
    text = str(caught.value)
    assert text.startswith(f"repository {config.name}: ")
    assert "\n" not in text
    assert len(text) < 300
    return text


# -- URLs


def test_each_scheme_opens_its_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "account")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", "a2V5")
    kinds = {
        "file:///srv/backups/": DirectoryStore,
        "file:///": DirectoryStore,
        "s3://bucket": CloudStore,
        "s3://bucket/some/prefix": CloudStore,
        "az://container/prefix": CloudStore,
        "rclone:nas:backups": RcloneStore,
        "rclone:nas:": RcloneStore,
        "rclone:my nas 2:/srv/a b": RcloneStore,
    }
    assert {url: type(open_store(RepositoryConfig("r", url))) for url in kinds} == kinds


@pytest.mark.parametrize(
    "url",
    [
        *("", "backups", "/srv", "file:", "file:/srv", "file://host/srv", "s3:bucket", "s3://", "s3:///x"),
        *("gs://", "az://", "http://x/y", "ftp://x", "rclone:nas", "rclone", "S3://bucket"),
    ],
)
def test_a_url_that_means_no_store_says_those_that_do(url: str) -> None:
    assert "write file:///PATH, s3://BUCKET/PATH, gs://…, az://… or rclone:REMOTE:PATH" in refusal(
        RepositoryConfig("r", url)
    )


@pytest.mark.parametrize(
    "remote", ["-v", "--config=x", ":sftp,host=x,pass=secret", "nas,pass=secret", " nas", "a/b", "", "ü"]
)
def test_a_remote_that_is_no_name_is_refused_without_its_secrets(remote: str) -> None:
    text = refusal(RepositoryConfig("r", f"rclone:{remote}:path"))
    assert "secret" not in text.replace("options and secrets belong there", "")


# -- credentials


def test_without_credentials_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    s3, gs, az = (refusal(RepositoryConfig("r", f"{scheme}://bucket/x")) for scheme in ("s3", "gs", "az"))
    assert "no credentials for s3://bucket/x: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY" in s3
    assert "set GOOGLE_APPLICATION_CREDENTIALS" in gs
    assert "set AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY" in az
    assert all('credentials = "instance"' in text for text in (s3, gs, az))
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "account")
    assert "set AZURE_STORAGE_ACCOUNT_KEY" in refusal(RepositoryConfig("r", "az://bucket/x"))


def test_half_of_the_credentials_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    assert "set AWS_SECRET_ACCESS_KEY as well" in refusal(RepositoryConfig("r", "s3://bucket"))


def test_the_role_of_the_machine_is_asked_for_only_where_the_configuration_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.2)
        endpoint = f"http://127.0.0.1:{listener.getsockname()[1]}"
        monkeypatch.setenv("AWS_METADATA_ENDPOINT", endpoint)
        refusal(RepositoryConfig("r", "s3://bucket"))
        with pytest.raises(TimeoutError):
            listener.accept()
    config = RepositoryConfig("r", "s3://bucket", endpoint="http://127.0.0.1:1", credentials="instance")
    with pytest.raises((StoreRefusedError, StoreUnreachableError)) as caught:
        keys_in(impatient_store(config))
    assert "\n" not in str(caught.value)


@pytest.mark.swift
def test_a_profile_of_aws_opens_a_bucket(
    swift_bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write_profile(tmp_path, "offsite", swift_bucket)
    monkeypatch.setenv("AWS_PROFILE", "offsite")
    store = open_store(swift_bucket.config(uuid4().hex))
    put(store, KEY, b"x")
    assert keys_in(store) == {KEY}


@pytest.mark.swift
def test_the_default_profile_of_aws_needs_no_variable(swift_bucket: Bucket, tmp_path: Path) -> None:
    _write_profile(tmp_path, "default", swift_bucket)
    assert keys_in(open_store(swift_bucket.config(uuid4().hex))) == set()


def test_a_profile_without_boto3_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    monkeypatch.setenv("AWS_PROFILE", "offsite")
    text = refusal(RepositoryConfig("r", "s3://bucket"))
    assert "need boto3 (pip install 'snapstow[aws]'); or set AWS_ACCESS_KEY_ID" in text


def test_a_profile_that_is_not_there_or_empty_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws/config").write_text("[profile empty]\nregion = eu-west-1\n")
    for profile in ("empty", "absent"):
        monkeypatch.setenv("AWS_PROFILE", profile)
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        text = refusal(RepositoryConfig("r", "s3://bucket"))
        assert f"the profile {profile} of AWS has no credentials" in text


def test_credentials_of_google_that_cannot_be_read_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for text in ("{", json.dumps({"type": "service_account", "private_key": "topsecret"})):
        (tmp_path / "key.json").write_text(text)
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "key.json"))
        assert "topsecret" not in refusal(RepositoryConfig("r", "gs://bucket"))


def _write_profile(home: Path, name: str, bucket: Bucket) -> None:
    (home / ".aws").mkdir()
    lines = f"[{name}]\naws_access_key_id = {bucket.key}\naws_secret_access_key = {bucket.secret}\n"
    (home / ".aws/credentials").write_text(lines)


# -- endpoints and certificates


@pytest.mark.parametrize(
    "endpoint", ["http://", "bogus", "ftp://host", "https://host:99999", "https://host:0", "//h"]
)
def test_an_endpoint_that_is_no_address_is_refused(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    assert "is no endpoint: write https://HOST" in refusal(RepositoryConfig("r", "s3://b", endpoint=endpoint))


def test_certificates_that_cannot_be_used_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    junk = tmp_path / "junk.pem"
    junk.write_text("no certificate")
    assert f"there is no certificate in {junk}" in refusal(RepositoryConfig("r", "s3://b", ca_file=str(junk)))
    junk.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    refusal(RepositoryConfig("r", "s3://b", ca_file=str(junk)))
    with pytest.raises(SnapshotError, match=f"cannot read the certificates: {tmp_path}/none"):
        open_store(RepositoryConfig("r", "s3://b", ca_file=f"{tmp_path}/none"))


@pytest.mark.swift
@pytest.mark.needs("openssl")
def test_an_authority_of_ones_own_is_trusted_where_it_is_named(
    swift: Swift, swift_bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    swift_bucket.give_credentials(monkeypatch)
    with tls_front(tmp_path, swift.proxy.port) as front:
        url = f"s3://{swift_bucket.name}/{uuid4().hex}"
        config = RepositoryConfig("r", url, endpoint=front.endpoint)
        with pytest.raises(StoreUnreachableError, match=r"its certificate is not trusted \(UnknownIssuer\)"):
            keys_in(impatient_store(config))
        named = RepositoryConfig("r", url, endpoint=front.endpoint, ca_file=str(front.authority))
        put(open_store(named), KEY, b"x")
        monkeypatch.setenv("AWS_CA_BUNDLE", str(front.authority))
        assert keys_in(open_store(config)) == {KEY}


def test_a_store_whose_library_is_missing_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    monkeypatch.setitem(sys.modules, "obstore.exceptions", None)
    for scheme in ("s3", "gs", "az"):
        text = refusal(RepositoryConfig("r", f"{scheme}://bucket"))
        assert "needs obstore (pip install 'snapstow[repo]')" in text


def test_a_port_where_nothing_listens_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    config = RepositoryConfig("r", "s3://bucket", endpoint=f"http://127.0.0.1:{free_port()}")
    with pytest.raises(StoreUnreachableError, match="the store does not answer: nothing listens there"):
        keys_in(impatient_store(config))
