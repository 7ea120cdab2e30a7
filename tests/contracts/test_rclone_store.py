"""Places that rclone reaches are object stores: files behind a real sshd."""

from pathlib import Path

import pytest

from backend.config.values import RepositoryConfig
from backend.repository.object_store import ObjectStore
from backend.repository.open_store import open_store
from tests.contracts.object_store import ObjectStoreContract
from tests.support.sftp import SftpServer


@pytest.mark.needs("rclone", "sshd", "ssh-keygen")
class TestSftp(ObjectStoreContract):
    hides_unfinished = False

    @pytest.fixture
    def store(self, sftp: SftpServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
        monkeypatch.setenv("RCLONE_CONFIG", str(sftp.rclone_config))
        return open_store(RepositoryConfig("nas", f"rclone:web:{tmp_path}/backups"))
