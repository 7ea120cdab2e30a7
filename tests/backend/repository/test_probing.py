"""What a probe finds out and leaves, of stores that cannot do everything."""

import json
import os
import signal
from pathlib import Path
from uuid import uuid4

import pytest

from backend.repository.directory_store import DirectoryStore
from backend.repository.object_store import StoreRefusedError, StoreUnreachableError
from backend.repository.open_store import open_store
from backend.repository.probing import LEFTOVERS, Trial, probe
from tests.contracts.object_store import KEY, keys_in, put
from tests.support.buckets import Bucket
from tests.support.mounting import Mounter, mounter

__all__ = ["mounter"]


class NoRemoval(DirectoryStore):
    """A directory from which these rights do not let anything be removed."""

    def delete(self, key: str) -> None:
        raise StoreRefusedError(f"cannot remove {key}")


def test_a_store_that_lets_nothing_be_removed_is_usable_and_warned_of(tmp_path: Path) -> None:
    report = probe(NoRemoval(str(tmp_path)))
    assert report.is_usable
    assert report.warnings == ("copies can be neither forgotten nor pruned with these rights",)
    assert [result.trial for result in report.results if result.trouble] == [Trial.DELETE]


@pytest.mark.root
def test_a_store_that_can_only_be_read_is_not_usable(mounter: Mounter, tmp_path: Path) -> None:
    store = DirectoryStore(str(mounter.tmpfs(tmp_path / "top")))
    mounter.remount(tmp_path / "top", "ro")
    report = probe(store)
    assert not report.is_usable
    assert "Read-only file system" in report.results[0].trouble


def test_a_store_that_does_not_answer_is_no_report(tmp_path: Path) -> None:
    class Gone(DirectoryStore):
        def create(self, key: str, data: bytes) -> None:
            raise StoreUnreachableError("it went away")

    with pytest.raises(StoreUnreachableError, match="it went away"):
        probe(Gone(str(tmp_path)))
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("step", ["upload", "create", "read_range", "objects", "delete"])
def test_a_probe_killed_in_the_middle_is_cleaned_up_by_a_later_one(tmp_path: Path, step: str) -> None:
    class Deadly(DirectoryStore):
        """Kills its process where a step is taken within the probe's own room."""

        def __getattribute__(self, name: str) -> object:
            if name == step and os.path.exists(f"{tmp_path}/{LEFTOVERS}"):
                os.kill(os.getpid(), signal.SIGKILL)
            return super().__getattribute__(name)

    put(DirectoryStore(str(tmp_path)), KEY, b"x")
    child = os.fork()
    if child == 0:
        probe(Deadly(str(tmp_path)))
        os._exit(0)
    assert os.WIFSIGNALED(os.waitpid(child, 0)[1]) or step == "upload"
    probe(DirectoryStore(str(tmp_path)), keep=-1)
    store = DirectoryStore(str(tmp_path))
    store.sweep(-1)
    assert keys_in(store) == {KEY}


def test_a_probe_of_somebody_else_that_runs_now_is_left_alone(tmp_path: Path) -> None:
    store = DirectoryStore(str(tmp_path))
    store.create(f"{LEFTOVERS}0123456789abcdef/upload", b"x")
    probe(store)
    assert keys_in(store) == {f"{LEFTOVERS}0123456789abcdef/upload"}


@pytest.mark.ceph
def test_a_bucket_whose_policy_forbids_removal_is_told(
    ceph_bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    import boto3

    ceph_bucket.give_credentials(monkeypatch)
    client = boto3.client("s3", endpoint_url=ceph_bucket.endpoint, region_name=ceph_bucket.region)
    arn = f"arn:aws:s3:::{ceph_bucket.name}"
    rule = {"Effect": "Deny", "Principal": "*", "Action": "s3:DeleteObject", "Resource": f"{arn}/*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [rule]})
    client.put_bucket_policy(Bucket=ceph_bucket.name, Policy=policy)
    try:
        report = probe(open_store(ceph_bucket.config(uuid4().hex)))
    finally:
        client.delete_bucket_policy(Bucket=ceph_bucket.name)
    assert report.is_usable
    (trouble,) = [result.trouble for result in report.results if result.trial == Trial.DELETE]
    assert "the store does not let these credentials do that (AccessDenied)" in trouble
