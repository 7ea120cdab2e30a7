"""An import is verified whole before anything of it is seen; what is odd in a stream is refused."""

import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest

from tests import golden
from tests.support.builders import World
from tests.support.streams import MANIFEST, Members, make_sound, make_world, stream, take_in, through_pipe

world = pytest.fixture(make_world)
sound = pytest.fixture(make_sound)


def test_a_sound_stream_makes_a_set_of_its_own(world: World, sound: Members) -> None:
    imported = take_in(world, stream(*sound, MANIFEST))
    assert imported.set_id == 2
    assert [snapshot.snap for snapshot in imported.snapshots] == ["hello", "other"]
    assert world.names() == ["1_resident_1.0_x1.zip", "2_hello_1.0_x1.zip", "2_other_1.0_x1.zip"]
    assert all(Path(snapshot.path).stat().st_mode & 0o777 == 0o600 for snapshot in imported.snapshots)
    assert (world.snapshots / "2_hello_1.0_x1.zip").read_bytes() == sound[0][1]


def test_a_pipe_is_as_good_as_a_file(world: World, sound: Members) -> None:
    assert through_pipe(world, stream(*sound, MANIFEST)).set_id == 2


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_tars_of_all_formats(world: World, sound: Members, form: Literal[0, 1, 2]) -> None:
    assert take_in(world, stream(*sound, MANIFEST, form=form)).set_id == 2


def test_the_real_snapds_export(world: World) -> None:
    raw = (golden.HERE / golden.index()["files"]["export"]).read_bytes()
    take_in(world, raw)
    (group,) = world.engine.sets(2)
    assert [(snapshot.snap, snapshot.broken) for snapshot in group.snapshots] == [
        ("hello", ""),
        ("storey", ""),
    ]


def lenient() -> dict[str, Callable[[Members], bytes]]:
    """What snapd accepts and we accept as well."""
    return {
        "export.json first": lambda sound: stream(MANIFEST, *sound),
        "no content.json": lambda sound: stream(*sound, MANIFEST),
        "a null hash": lambda sound: stream(("content.json", b"{}"), *sound, MANIFEST),
        "no end blocks": lambda sound: stream(*sound, MANIFEST)[:-1024],
        "junk after the end": lambda sound: stream(*sound, MANIFEST) + b"junk" * 100,
        "unknown keys": lambda sound: stream(*sound, ("export.json", b'{"format":1,"new":[{}]}')),
        "no format": lambda sound: stream(*sound, ("export.json", b"{}")),
    }


@pytest.mark.parametrize("case", lenient())
def test_harmless_liberties_that_snapd_takes_are_accepted(world: World, sound: Members, case: str) -> None:
    assert take_in(world, lenient()[case](sound)).set_id == 2
