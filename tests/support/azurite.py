"""Azurite, Microsoft's emulator of Azure Blob Storage: `npm install azurite`, and its program named."""

import base64
import hmac
import os
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from pathlib import Path
from typing import NamedTuple

import pytest

from backend.config.values import RepositoryConfig
from tests.support.ports import free_port, wait_for_port

# The account that every emulator has, which its manual names.
_ACCOUNT = "devstoreaccount1"
_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
_VERSION = "2021-12-02"


class Container(NamedTuple):
    """A container of it."""

    endpoint: str
    name: str

    def config(self, prefix: str) -> RepositoryConfig:
        """A repository below a prefix of it, as a configuration has it."""
        return RepositoryConfig("offsite", f"az://{self.name}/{prefix}", endpoint=self.endpoint)

    def give_credentials(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Put into the environment who may use it."""
        monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", _ACCOUNT)
        monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", _KEY)

    def make(self) -> None:
        """Make it, by a request signed with the key of the account."""
        date = formatdate(usegmt=True)
        text = "PUT" + "\n" * 12 + f"x-ms-date:{date}\nx-ms-version:{_VERSION}\n"
        text += f"/{_ACCOUNT}/{_ACCOUNT}/{self.name}\nrestype:container"
        mac = base64.b64encode(hmac.digest(base64.b64decode(_KEY), text.encode(), "sha256")).decode()
        headers = {
            "x-ms-date": date,
            "x-ms-version": _VERSION,
            "Authorization": f"SharedKey {_ACCOUNT}:{mac}",
        }
        url = f"{self.endpoint}/{self.name}?restype=container"
        urllib.request.urlopen(urllib.request.Request(url, headers=headers, method="PUT")).close()


def missing() -> str:
    """Why there can be none here, or nothing."""
    program = os.environ.get("SNAPSTOW_AZURITE", "")
    if os.access(program, os.X_OK):
        return ""
    return "Azurite is tried only where SNAPSTOW_AZURITE names its azurite-blob (npm install azurite)"


@contextmanager
def azurite_running(base: Path) -> Iterator[Container]:
    """One that runs, with a container."""
    port = free_port()
    command = [os.environ["SNAPSTOW_AZURITE"], "--blobHost", "127.0.0.1", "--blobPort", str(port)]
    options = ["-l", str(base), "--disableTelemetry", "--skipApiVersionCheck", "--silent"]
    process = subprocess.Popen([*command, *options], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        wait_for_port(port)
        container = Container(f"http://127.0.0.1:{port}/{_ACCOUNT}", "container")
        container.make()
        yield container
    finally:
        process.kill()
        process.wait()
