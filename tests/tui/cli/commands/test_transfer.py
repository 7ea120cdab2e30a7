"""Exports and imports, driven as a user does."""

import hashlib
import json
import os
from pathlib import Path

import pytest

from tests.support.limits import file_size_limit
from tests.tui.support.command_world import damage, make_snapstow, make_world
from tests.tui.support.driver import Snapstow

world = pytest.fixture(make_world)
snapstow = pytest.fixture(make_snapstow)


class TestExportAndImport:
    def test_there_and_back(self, snapstow: Snapstow, tmp_path: Path) -> None:
        snapstow("save", "hello")
        file = tmp_path / "one.snapshot"
        assert snapstow("export-snapshot", "1", str(file)).out == f'Exported snapshot #1 into "{file}"\n'
        again = snapstow("import-snapshot", str(file))
        assert again.code == 0
        assert again.out.startswith("Imported snapshot as #1\nSet  Snap")
        assert again.err == "The same content is already here; nothing was added.\n"
        snapstow("forget", "1")
        assert snapstow("import-snapshot", str(file)).out.startswith("Imported snapshot as #2\n")

    def test_some_snaps_and_a_checksum(self, snapstow: Snapstow, tmp_path: Path) -> None:
        snapstow("save")
        file = tmp_path / "part.snapshot"
        assert snapstow("export-snapshot", "1", str(file), "hello", "--checksum").out.splitlines() == [
            f'Exported snapshot #1 of snaps "hello" into "{file}"',
            f'Its checksum is in "{file}.sha256"',
        ]
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        assert Path(f"{file}.sha256").read_text() == f"{digest}  part.snapshot\n"
        assert snapstow("import-snapshot", str(file)).out.startswith("Imported snapshot as #2\n")
        missing = snapstow("import-snapshot", str(file), "other")
        message = 'cannot import snapshot: there is no "other" in the file, only "hello"'
        assert (missing.code, missing.err) == (1, f"error: {message}\n")
        snapstow("export-snapshot", "1", str(file))
        assert snapstow("import-snapshot", str(file), "other").out.splitlines()[-1].startswith("3    other")
        missing = snapstow("export-snapshot", "1", str(file), "ghost")
        assert missing.err.startswith('error: cannot export snapshot 1: there is no "ghost" in it')

    def test_a_set_whose_last_check_failed_goes_out_only_by_force(
        self, snapstow: Snapstow, tmp_path: Path
    ) -> None:
        damage(snapstow.world.add(7, "hello"))
        file = tmp_path / "bad.snapshot"
        assert snapstow("export-snapshot", "7", str(file)).code == 0
        os.unlink(file)
        assert snapstow("check-snapshot", "7").code == 4
        done = snapstow("export-snapshot", "7", str(file))
        assert (done.code, file.exists()) == (5, False)
        assert done.err.startswith("error: cannot export snapshot 7: its last check failed: ")
        assert done.err.endswith("; --force exports it all the same\n")
        assert snapstow("--json", "export-snapshot", "7", str(file)).lines[-1]["exit"] == 5
        assert snapstow("export-snapshot", "7", str(file), "--force").code == 0
        assert file.exists()

    def test_a_checksum_of_the_file_before_does_not_stay(self, snapstow: Snapstow, tmp_path: Path) -> None:
        snapstow("save")
        file = tmp_path / "one.snapshot"
        snapstow("export-snapshot", "1", str(file), "--checksum")
        done = snapstow("export-snapshot", "1", str(file), "hello")
        assert f"{file}.sha256 told of the file before, and is removed" in done.err
        assert "one.snapshot.sha256" not in os.listdir(tmp_path)

    def test_a_checksum_of_other_files_stays(self, snapstow: Snapstow, tmp_path: Path) -> None:
        snapstow("save")
        file = tmp_path / "one.snapshot"
        sums = Path(f"{file}.sha256")
        sums.write_text("0" * 64 + "  two.snapshot\n")
        assert "does not tell of this export" in snapstow("export-snapshot", "1", str(file)).err
        assert sums.exists()

    def test_through_pipes(self, snapstow: Snapstow) -> None:
        snapstow("save", "hello")
        exported = snapstow.process("export-snapshot", "1", "-")
        assert exported.stderr == b""
        done = snapstow.process("--json", "export-snapshot", "1", "-")
        assert len(done.stdout) == len(exported.stdout)
        assert json.loads(done.stderr.splitlines()[-1]) == {"event": "result", "exit": 0, "set_id": 1}
        snapstow("forget", "1")
        imported = snapstow.process("--json", "import-snapshot", "-", input=exported.stdout)
        assert json.loads(imported.stdout.splitlines()[-1])["set_id"] == 2
        assert snapstow("check-snapshot", "2").code == 0

    def test_the_standard_output_by_its_other_name(self, snapstow: Snapstow) -> None:
        snapstow("save", "hello")
        exported = snapstow.process("export-snapshot", "1", "-")
        done = snapstow.process("export-snapshot", "1", "/dev/stdout")
        assert (done.returncode, done.stderr, len(done.stdout)) == (0, b"", len(exported.stdout))

    @pytest.mark.root
    def test_a_device_is_written_into(self, snapstow: Snapstow) -> None:
        snapstow("save", "hello")
        assert snapstow("export-snapshot", "1", "/dev/null").code == 0
        assert os.path.realpath("/dev/null") == "/dev/null"
        assert not os.path.isfile("/dev/null")
        refused = snapstow("export-snapshot", "--checksum", "1", "/dev/null")
        assert refused.err.endswith("it is a device; name a file\n")

    def test_a_reader_that_wants_no_more(self, snapstow: Snapstow) -> None:
        snapstow.world.add(1, "hello", {"x1": {"f": os.urandom(300_000)}})
        reading, writing = os.pipe()
        os.close(reading)
        done = snapstow.process("export-snapshot", "1", "-", stdout=writing)
        os.close(writing)
        assert (done.returncode, done.stderr) == (1, b"")

    def test_impossible_exports_and_imports_are_refused(self, snapstow: Snapstow, tmp_path: Path) -> None:
        snapstow.world.add(1, "hello")
        none = snapstow("import-snapshot", f"{tmp_path}/none")
        expected = f"error: error accessing file: open {tmp_path}/none: no such file or directory\n"
        assert none == (1, "", expected)
        (tmp_path / "text").write_text("text" * 500)
        text = snapstow("import-snapshot", f"{tmp_path}/text")
        assert text.code == 4
        assert text.err.endswith("\n       Nothing was imported.\n")
        assert snapstow("export-snapshot", "1", f"{tmp_path}/no/where").code == 1
        assert snapstow("export-snapshot", "7", f"{tmp_path}/7").code == 1
        assert sorted(os.listdir(tmp_path)) == ["root", "text"]


class TestRefusedBefore:
    def test_export_above_the_limit_of_the_session(self, snapstow: Snapstow, tmp_path: Path) -> None:
        snapstow.world.add(1, "hello", {"x1": {"f": os.urandom(300_000)}})
        with file_size_limit(100_000):
            done = snapstow("export-snapshot", "1", f"{tmp_path}/out")
        assert done.code == 5
        assert f"cannot export to {tmp_path}/out: too large: in this session (ulimit -f)" in done.err
        assert "out" not in os.listdir(tmp_path)

    def test_import_with_a_wrong_content_hash(self, snapstow: Snapstow, tmp_path: Path) -> None:
        file = tmp_path / "one.snapshot"
        snapstow("save", "hello")
        snapstow("export-snapshot", "1", str(file))
        raw = bytearray(file.read_bytes())
        at = raw.index(b"content-hash") + 20
        raw[at] = ord("A") if raw[at] != ord("A") else ord("B")
        file.write_bytes(raw)
        done = snapstow("import-snapshot", str(file))
        assert (done.code, done.out) == (4, "")
        assert "the content hash of the set does not match; --accept-hash accepts it" in done.err
        assert snapstow("import-snapshot", str(file), "--accept-hash").code == 0
