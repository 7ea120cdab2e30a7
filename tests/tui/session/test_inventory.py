"""The inventory in sums: what is stored, whether it can be read or not."""

from pathlib import Path

from backend import open_engine
from tests.support.builders import World
from tests.tui.support.patient import Patient, patiently
from tui.session.inventory import Pivot
from tui.session.place import Place


def test_a_file_that_cannot_be_read_is_shown_with_the_room_it_takes(tmp_path: Path) -> None:
    world = World(tmp_path / "root")
    world.snapshots.mkdir(parents=True)
    (world.snapshots / "8_cloud_1.0_x1.zip").write_bytes(b"-" * 33)

    async def tell(user: Patient) -> None:
        await user.sees("damaged")
        row = next(line for line in user.screen().splitlines() if "▸ #8" in line)
        assert "33 B" in row

    patiently(str(world.root), tell)


def test_a_group_is_as_old_as_its_newest_snapshot(tmp_path: Path) -> None:
    world = World(tmp_path / "root")
    world.add(1, "cloud", time="2020-01-01T00:00:00Z")
    world.add(2, "cloud", time="2024-01-01T00:00:00Z")
    world.add(3, "cloud", time="2021-01-01T00:00:00Z")
    groups = Place(open_engine(str(world.root)), ()).inventory().groups[Pivot.SNAP]
    assert groups["cloud"].total.when == 1704067200
