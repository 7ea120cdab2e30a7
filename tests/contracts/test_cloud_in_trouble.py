"""Real servers of S3 in trouble."""

from collections.abc import Iterator

import pytest

from tests.contracts.cloud_in_trouble import CloudInTroubleContract, Server
from tests.support.buckets import Bucket
from tests.support.ceph import Ceph
from tests.support.swift import Proxy, Swift


class _SwiftProxy:
    """A way in to the Swift of all, with a bucket."""

    def __init__(self, proxy: Proxy, bucket: Bucket) -> None:
        self.bucket = bucket._replace(endpoint=proxy.endpoint)
        self.kill = proxy.kill
        self.start = proxy.start


class _CephGateway:
    """The gateway of a Ceph, with a bucket."""

    def __init__(self, ceph: Ceph, bucket: Bucket) -> None:
        self.bucket = bucket
        self.kill = ceph.kill_gateway
        self.start = ceph.start_gateway


@pytest.fixture(scope="module")
def swift_proxy(swift: Swift, swift_bucket: Bucket) -> Iterator[Server]:
    with swift.new_proxy() as proxy:
        yield _SwiftProxy(proxy, swift_bucket)


@pytest.mark.swift
class TestSwiftInTrouble(CloudInTroubleContract):
    @pytest.fixture
    def server(self, swift_proxy: Server) -> Server:
        return swift_proxy


@pytest.mark.ceph
class TestCephInTrouble(CloudInTroubleContract):
    @pytest.fixture
    def server(self, ceph: Ceph, ceph_bucket: Bucket) -> Server:
        return _CephGateway(ceph, ceph_bucket)
