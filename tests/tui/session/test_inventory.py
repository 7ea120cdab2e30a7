"""The inventory in sums: what is stored, whether it can be read or not."""

from pathlib import Path

from tests.support.builders import World
from tests.tui.support.patient import Patient, patiently


def test_a_file_that_cannot_be_read_is_shown_with_the_room_it_takes(tmp_path: Path) -> None:
    world = World(tmp_path / "root")
    world.snapshots.mkdir(parents=True)
    (world.snapshots / "8_cloud_1.0_x1.zip").write_bytes(b"-" * 33)

    async def tell(user: Patient) -> None:
        await user.sees("damaged")
        row = next(line for line in user.screen().splitlines() if "▸ #8" in line)
        assert "33 B" in row

    patiently(str(world.root), tell)
