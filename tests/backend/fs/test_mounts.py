"""The kernel's list of mounts, and which mount holds what."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.fs.mounts import Mount, list_mounts, media_points, mount_of, mounts_below, parse_mounts
from tests.support.builders import plant
from tests.support.mounting import Mounter, mounter

__all__ = ["mounter"]

TABLE = rb"""27 1 254:0 / / rw,relatime - ext4 /dev/vda rw
40 27 8:1 / /media/ada/USB\040STICK rw,nosuid - vfat /dev/sdb1 rw,fmask=0022
41 27 0:40 / /srv/net rw - nfs4 box:/export rw,vers=4.2
42 27 0:41 / /srv/net/inner rw shared:1 master:2 - fuse.sshfs me@box:/ rw
43 27 0:42 / /mnt/b\134s rw - ext4 /dev/sdc1 rw
44 27 0:43 / /srv/net rw - ext4 /dev/sdd1 rw
45 27 0:44 / /run/media/x rw - tmpfs none rw
nonsense
46 27 0:45 / relative rw - ext4 none rw
"""


def test_the_kernels_list_is_understood(tmp_path: Path) -> None:
    parsed = parse_mounts(TABLE)
    assert [mount.point for mount in parsed] == [
        "/", "/media/ada/USB STICK", "/srv/net", "/srv/net/inner", "/mnt/b\\s", "/srv/net", "/run/media/x",
    ]  # fmt: skip
    assert media_points(parsed) == ["/media/ada/USB STICK", "/mnt/b\\s"]
    cases = {"/": "ext4", "/srv/net/a": "ext4", "/srv/net/inner": "fuse.sshfs", "/srv/network": "ext4"}
    cases["/media/ada/USB STICK/backup"] = "vfat"
    for path, kind in cases.items():
        mount = mount_of(path, parsed)
        assert mount is not None
        assert mount.kind == kind
    assert mount_of("/a", []) is None
    assert list_mounts(str(tmp_path / "none")) == []
    assert any(mount.point == "/" for mount in list_mounts())


@given(st.binary(max_size=300))
def test_a_damaged_list_of_mounts_harms_nothing(raw: bytes) -> None:
    assert all(mount.point.startswith("/") for mount in parse_mounts(raw))
    parse_mounts(b"1 2 3 4 /" + raw + b" rw - " + raw)


def test_limits_of_file_systems_are_known() -> None:
    assert Mount("/m", "vfat").largest == 2**32 - 1
    assert Mount("/m", "ext4").largest == 0
    assert "network file system" in Mount("/m", "nfs4").note
    assert "FUSE file system" in Mount("/m", "fuse.sshfs").note
    assert not Mount("/m", "ext4").note


@pytest.mark.root
def test_mounts_below_a_path_are_listed_by_that_path(tmp_path: Path, mounter: Mounter) -> None:
    top = tmp_path / "a b\\c"
    plant(top, {"file": ""})
    expected = [mounter.bind(tmp_path, top / "x\ny"), mounter.bind(tmp_path / "a b\\c" / "file", top / "f")]
    mounter.bind(tmp_path, tmp_path / "a b\\cd")
    assert mounts_below(str(top)) == sorted(map(str, expected))
    (tmp_path / "link").symlink_to(top)
    assert mounts_below(f"{tmp_path}/link") == [f"{tmp_path}/link/f", f"{tmp_path}/link/x\ny"]
    assert mounts_below(str(expected[0])) == [str(expected[0])]
