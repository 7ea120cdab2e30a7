"""The whole way of a set off a machine and back, as it is typed, with real servers at the other end."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest

from backend.format.metadata import set_content_hash
from tests.support.agekeys import library_key
from tests.support.buckets import Bucket
from tests.support.builders import World, tree_of
from tests.support.offsite import REPO, configure, copies_of, repository_of
from tests.support.sftp import SftpServer
from tests.tui.support.driver import PATIENCE, Done, Snapstow, environment

SECRET = "very private"
TEXT = {f"file-{number}": f"{SECRET} {number}\n" * 4000 for number in range(30)}


class Site:
    """A machine with data, and one without, that have the same repository."""

    def __init__(self, tmp_path: Path, keys: dict[str, str]) -> None:
        self.pair = library_key(tmp_path / "identity")
        self.here, self.there = World(tmp_path / "here/root"), World(tmp_path / "there/root")
        self.here.install("cloud", data=TEXT, common={"g": "shared"}, users={"alice": {"n": "hers"}})
        self.there.install("cloud", data={"f": "other"})
        for world in (self.here, self.there):
            world.write_state()
        configure(self.here, recipients=[self.pair.recipient], **keys)
        configure(self.there, recipients=[self.pair.recipient], identity=self.pair.identity, **keys)

    def at(self, world: World) -> Callable[..., Done]:
        """The command on one of them."""
        return partial(Snapstow(world), f"--config={world.config}")


def keys_of(bucket: Bucket) -> dict[str, str]:
    return {"url": f"s3://{bucket.name}/{uuid4().hex}", "endpoint": bucket.endpoint, "region": bucket.region}


@pytest.fixture(
    params=[
        "directory",
        pytest.param("swift", marks=pytest.mark.swift),
        pytest.param("ceph", marks=pytest.mark.ceph),
        pytest.param("sftp", marks=pytest.mark.needs("rclone", "sshd")),
    ]
)
def site(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    if request.param == "directory":
        (tmp_path / "offsite").mkdir()
        yield Site(tmp_path, {"url": f"file://{tmp_path}/offsite"})
    elif request.param == "sftp":
        server: SftpServer = request.getfixturevalue("sftp")
        monkeypatch.setenv("RCLONE_CONFIG", str(server.rclone_config))
        yield Site(tmp_path, {"url": f"rclone:web:{tmp_path}/there"})
    else:
        bucket: Bucket = request.getfixturevalue(f"{request.param}_bucket")
        bucket.give_credentials(monkeypatch)
        yield Site(tmp_path, keys_of(bucket))


def test_a_set_leaves_the_machine_encrypted_and_comes_back_on_another(site: Site) -> None:
    here, there = site.at(site.here), site.at(site.there)
    assert here("save").code == 0
    assert here("repo", "test", REPO).code == 0
    pushed = here("push", "--new", REPO)
    assert (pushed.code, pushed.out) == (0, f"Copied 1 set to {REPO}.\n")
    again = here("push", "--new", REPO)
    assert "1 set there already" in again.out
    (group,) = site.here.engine.sets()
    assert here("forget", "1", "--now").code == 0
    with repository_of(site.here) as repository:
        raw = b"".join(
            b"".join(repository.store.stream(stored.key)) for stored in repository.store.objects("snapstow/")
        )
    assert SECRET.encode() not in raw
    assert b"cloud" not in raw
    host = copies_of(site.there)[0].name.host_name
    assert there("check-snapshot", "--repo", REPO).out == f"All 1 copy in {REPO} read back and sound.\n"
    pulled = there("pull", f"{REPO}:{host}/1")
    assert pulled.out.startswith(f"Pulled {REPO}:{host}/1 as #1\n")
    (back,) = site.there.engine.sets()
    assert set_content_hash(back.snapshots) == set_content_hash(group.snapshots)
    assert there("restore", "1").code == 0
    assert tree_of(site.there.data("cloud")) == tree_of(site.here.data("cloud"))
    assert tree_of(site.there.home("alice") / "snap") == tree_of(site.here.home("alice") / "snap")


def test_pruning_says_why_and_lets_go_what_no_rule_keeps(site: Site) -> None:
    for number in range(1, 4):
        site.here.add(number, "cloud", {"x1": {"f": str(number)}}, time=f"2026-11-2{number}T09:00:00Z")
    here = site.at(site.here)
    assert here("push", "--all", REPO).code == 0
    plan = here("prune", "--repo", REPO, "--keep-last", "1", "--plan").out
    assert re.search(r"stays +[0-9a-f]{8} \(.*/3\) .*last 1 of 1", plan)
    assert len(re.findall(r"^goes ", plan, re.MULTILINE)) == 2
    done = here("prune", "--repo", REPO, "--keep-last", "1")
    assert f"Forgot 2 copies in {REPO}." in done.out
    assert [copy.name.set_id for copy in copies_of(site.here)] == [3]
    undo = re.search(r"undo \d+", done.err)
    assert undo is not None
    assert here(*undo[0].split()).code == 0
    assert [copy.name.set_id for copy in copies_of(site.here)] == [3, 2, 1]


@pytest.mark.parametrize("number", range(10))
def test_a_push_killed_in_mid_transfer_leaves_no_copy(site: Site, number: int) -> None:
    data = {"x1": {f"f{n}": f"{n * number}" * 200_000 for n in range(3)}}
    site.here.add(1, "cloud", data)
    line = ["--root", str(site.here.root), "--config", str(site.here.config), "--json", "push", "1", REPO]
    with subprocess.Popen(
        [sys.executable, "-m", "tui.cli.main", *line],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment(),
    ) as process:
        assert process.stdout is not None
        for _ in range(number):
            process.stdout.readline()
        process.kill()
        process.wait(PATIENCE)
    here = site.at(site.here)
    assert all(not copy.trouble for copy in copies_of(site.here))
    assert here("push", "1", REPO).code == 0
    assert here("check-snapshot", "--repo", REPO).code == 0
    assert len(site.here.engine.sets()) == 1


def test_no_secret_is_in_journals_or_in_what_is_printed(site: Site) -> None:
    site.here.add(1, "cloud")
    here = site.at(site.here)
    done = [here("push", "1", REPO), here("repo"), here("config"), here("--json", "config"), here("jobs")]
    private = Path(site.pair.identity).read_text().split()[-1]
    secrets = [private, *filter(None, [os.environ.get("AWS_SECRET_ACCESS_KEY")])]
    texts = [f"{each.out}{each.err}" for each in done]
    state = site.here.root / "var/lib/snapstow"
    texts += [path.read_bytes().decode("latin-1") for path in state.rglob("*") if path.is_file()]
    for secret in secrets:
        assert not any(secret in text for text in texts)
