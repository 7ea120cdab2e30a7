"""Snaps with data of every kind, at snapd and at ours."""

import json
import os

from tests.golden.make import CONF, EXCLUDE, age, fill_links, fill_odd, fill_plain
from tests.support.command import snapstow
from tests.support.realsnapd import RealSnapd

MIB = 1 << 20
INFO = "usr/lib/snapd/info"
STORE_ID = "abcdefghijklmnopqrstuvwxyz012345"
SNAPS = {"hello": "x1", "storey": "42"}


def make_rich(snapd: RealSnapd) -> RealSnapd:
    """A snapd that is down: two snaps with data of all kinds, of the system and of three users."""
    hello = snapd.install("hello", "2.10", exclude=EXCLUDE, conf=CONF)
    storey = snapd.install("storey", "1.33+git~1", "42", epoch="1*", snap_id=STORE_ID)
    fill_plain(hello / "x1")
    fill_links(hello / "x1")
    fill_odd(hello / "common")
    (hello / "x1/cache").mkdir()
    (hello / "x1/cache/page").write_text("excluded\n")
    (hello / "common/gone.tmp").write_text("excluded\n")
    (hello / "common/theirs").write_text("the service runs as alice\n")
    snapd.give(hello / "common/theirs", "alice")
    (storey / "42/database").write_bytes(bytes(range(256)) * 64)
    for user, snap in (("alice", "hello"), ("bob", "hello"), ("bob", "storey"), ("root", "storey")):
        _fill_home(snapd, user, snap)
    for place in (hello, storey):
        age(place)
    return snapd


def _fill_home(snapd: RealSnapd, user: str, snap: str) -> None:
    data = snapd.furnish_user(user, snap, SNAPS[snap])
    fill_plain(data / SNAPS[snap])
    fill_links(data / SNAPS[snap])
    (data / SNAPS[snap] / "cache").mkdir()
    (data / SNAPS[snap] / "cache/of the user").write_text("$SNAP_DATA is not of the user\n")
    (data / "common/scratch").mkdir()
    (data / "common/scratch/waste").write_text("excluded by hello\n")
    with open(data / "common/holes", "wb") as holes:
        holes.truncate(MIB)
    os.mkfifo(data / "common/pipe")
    (data / "common/open to all").touch()
    snapd.give(data, user)
    (data / "common/open to all").chmod(0o4767)
    (data / "common/by root").write_text("whoever restores it here is its owner\n")
    (data / SNAPS[snap]).chmod(0o700)
    age(data)


def ours(snapd: RealSnapd, *arguments: str, code: int = 0) -> str:
    """What our command prints on the daemon's world; it must end with `code`."""
    done = snapstow(snapd.base, *arguments)
    assert done.code == code, (arguments, done)
    return done.out


def listed(snapd: RealSnapd) -> str:
    """What snapd lists, as text."""
    _, answer = snapd.raw("GET", "/v2/snapshots")
    return answer.decode().partition('"result":')[2].removesuffix("}")


def names(snapd: RealSnapd) -> list[str]:
    return sorted(os.listdir(snapd.snapshots))


def ids(snapd: RealSnapd) -> list[int]:
    return [group["id"] for group in json.loads(listed(snapd))]
