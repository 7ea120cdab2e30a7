"""Places behind rclone: what is said when it fails, and what is left of uploads that died."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from backend.config.values import RepositoryConfig
from backend.errors import InvalidInputError
from backend.repository.object_store import (
    ObjectStore,
    StoreError,
    StoreRefusedError,
    StoreUnreachableError,
    Upload,
)
from backend.repository.open_store import open_store
from backend.repository.probing import probe
from backend.repository.rclone_program import rclone_refusal
from backend.repository.rclone_store import PipedUpload
from tests.contracts.object_store import KEY, keys_in, put, read
from tests.support import TOP
from tests.support.descriptors import descriptors
from tests.support.sftp import SftpServer

MIB = 1 << 20

CLIENT = """
import sys, threading
from backend.config.values import RepositoryConfig
from backend.repository.open_store import open_store
upload = open_store(RepositoryConfig("nas", sys.argv[1])).upload(sys.argv[2], 1 << 30)
upload.write(bytes(8 << 20))
print("on its way", flush=True)
threading.Event().wait()
"""

pytestmark = pytest.mark.needs("rclone", "sshd", "ssh-keygen")


@pytest.fixture
def url(sftp: SftpServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("RCLONE_CONFIG", str(sftp.rclone_config))
    return f"rclone:web:{tmp_path}/backups"


@pytest.fixture
def store(url: str) -> ObjectStore:
    return open_store(RepositoryConfig("nas", url))


def remote(name: str, tmp_path: Path) -> ObjectStore:
    return open_store(RepositoryConfig("nas", f"rclone:{name}:{tmp_path}/backups"))


# -- failures


def test_a_missing_program_names_the_way_to_it(store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(InvalidInputError, match=r"the program rclone is missing \(apt install rclone\)"):
        keys_in(store)


def test_a_remote_that_rclone_does_not_know_is_told(url: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="rclone knows no remote of that name"):
        keys_in(remote("nobody", tmp_path))


def test_a_key_that_is_not_let_in_is_told(url: str, tmp_path: Path) -> None:
    with pytest.raises(StoreRefusedError, match="unable to authenticate") as caught:
        keys_in(remote("stranger", tmp_path))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_a_server_that_is_gone_is_told(
    sftp: SftpServer, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = sftp.rclone_config.read_text().splitlines()
    config = tmp_path / "dead.conf"
    config.write_text("\n".join("port = 1" if line.startswith("port") else line for line in lines))
    monkeypatch.setenv("RCLONE_CONFIG", str(config))
    with pytest.raises(StoreUnreachableError, match="connection refused"):
        keys_in(remote("web", tmp_path))


def test_a_configuration_with_a_password_is_told_and_nobody_is_asked(
    sftp: SftpServer, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "locked.conf"
    config.write_text("# Encrypted rclone configuration File\n\nRCLONE_ENCRYPT_V0:\n" + "A" * 120 + "\n")
    monkeypatch.setenv("RCLONE_CONFIG", str(config))
    with pytest.raises(
        StoreRefusedError, match="rclone's configuration has a password; set RCLONE_CONFIG_PASS"
    ):
        keys_in(remote("web", tmp_path))


@pytest.mark.root
def test_a_directory_of_somebody_else_is_told(url: str) -> None:
    with pytest.raises(StoreError, match="cannot write") as caught:
        put(open_store(RepositoryConfig("nas", "rclone:web:/proc/nothing")), KEY, b"x")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("code", "text", "kind", "sentence"),
    [
        (1, "2026/12/01 09:00:00 ERROR : x: No space left on device", StoreError, "no space is left there"),
        (1, "2026/12/01 09:00:00 Failed to rcat: 507 Insufficient Storage", StoreError, "no space is left"),
        (1, "2026/12/01 09:00:00 ERROR : x: 401 Unauthorized", StoreRefusedError, "401 Unauthorized"),
        (
            1,
            'CRITICAL: Propfind "https://ada:secret@dav/x": EOF',
            StoreUnreachableError,
            '"https://dav/x": EOF',
        ),
        (9, "", StoreError, "rclone ended with 9"),
    ],
)
def test_the_last_words_of_the_program_become_one_sentence(
    code: int, text: str, kind: type[Exception], sentence: str
) -> None:
    failure = rclone_refusal("cannot do it", code, text)
    assert type(failure) is kind
    assert sentence in str(failure)
    assert "secret" not in str(failure)


# -- uploads that end early


def test_an_upload_whose_program_dies_is_told_and_leaves_nothing(store: ObjectStore) -> None:
    before = descriptors()
    upload = store.upload(KEY, 64 * MIB)
    upload.write(bytes(MIB))
    assert isinstance(upload, PipedUpload)
    os.kill(upload._run._process.pid, signal.SIGKILL)
    with pytest.raises(StoreError, match=f"cannot write {KEY}"):
        _finish(upload, 64 * MIB)
    upload.abort()
    assert keys_in(store) == set()
    assert descriptors() == before


def _finish(upload: Upload, size: int) -> None:
    upload.write(bytes(size))
    upload.finish()


def test_a_client_killed_in_mid_upload_leaves_at_most_a_part_that_can_be_removed(
    store: ObjectStore, url: str
) -> None:
    client = subprocess.Popen([sys.executable, "-c", CLIENT, url, KEY], stdout=subprocess.PIPE, cwd=TOP)
    assert client.stdout is not None
    assert client.stdout.readline()
    client.kill()
    client.stdout.close()
    client.wait()
    assert keys_in(store) <= {KEY}
    store.delete(KEY)
    put(store, KEY, b"again")
    assert read(store, KEY) == b"again"


def test_a_listing_tells_sizes_and_times(store: ObjectStore) -> None:
    put(store, KEY, b"12345")
    (stored,) = store.objects("snapstow/")
    assert stored[:2] == (KEY, 5)
    assert stored.modified > 1_700_000_000


def test_a_probe_says_that_creation_only_looks_first(store: ObjectStore) -> None:
    report = probe(store)
    assert report.is_usable
    assert report.warnings == (
        "it looks before it creates an object: two machines at once could both create it",
    )


def test_commands_never_hold_what_is_in_the_configuration(
    store: ObjectStore, sftp: SftpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[list[str]] = []
    popen = subprocess.Popen

    def noted(command: list[str], **options: Any) -> "subprocess.Popen[bytes]":
        started.append(list(command))
        return popen(command, **options)

    monkeypatch.setattr(subprocess, "Popen", noted)
    probe(store)
    assert len(started) > 5
    values = {line.partition(" = ")[2] for line in sftp.rclone_config.read_text().splitlines()} - {""}
    long = {value for value in values if len(value) > 12}
    assert long
    assert not [word for command in started for word in command for value in long if value in word]
