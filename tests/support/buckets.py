"""Buckets of S3 servers that tests start."""

import urllib.request
from datetime import timedelta
from typing import NamedTuple


class Bucket(NamedTuple):
    """A bucket, where it is, and who may use it."""

    endpoint: str
    name: str
    key: str
    secret: str
    region: str

    def make(self) -> None:
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
