"""Buckets of S3 servers that tests start."""

import urllib.request
from datetime import timedelta
from typing import NamedTuple

import pytest

from backend.config.values import RepositoryConfig

_OTHERS = ("AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_REGION", "AWS_ENDPOINT_URL", "AWS_CA_BUNDLE")


class Bucket(NamedTuple):
    """A bucket, where it is, and who may use it."""

    endpoint: str
    name: str
    key: str
    secret: str
    region: str

    def made(self) -> "Bucket":
        """Make it: obstore cannot, but signs the request that does."""
        import obstore
        from obstore.store import S3Store

        store = S3Store(
            self.name,
            endpoint=self.endpoint,
            region=self.region,
            access_key_id=self.key,
            secret_access_key=self.secret,
            client_options={"allow_http": True},
        )
        url = obstore.sign(store, "PUT", "", timedelta(minutes=1))
        urllib.request.urlopen(urllib.request.Request(url, method="PUT")).close()
        return self

    def config(self, prefix: str) -> RepositoryConfig:
        """A repository below a prefix of it, as a configuration has it."""
        url = f"s3://{self.name}/{prefix}"
        return RepositoryConfig("offsite", url, endpoint=self.endpoint, region=self.region)

    def give_credentials(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Put into the environment who may use it, and nothing else that AWS's programs read there."""
        for name in _OTHERS:
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", self.key)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", self.secret)
