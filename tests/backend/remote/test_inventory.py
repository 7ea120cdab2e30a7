"""Which machines names stand for."""

import json
from pathlib import Path

import pytest

from backend.config import HostsConfig
from backend.errors import InvalidInputError, NotFoundError
from backend.remote.inventory import inventory_hosts

CONFIG = HostsConfig({"web": ("web1", "web2"), "db": ("db1", "web2")})


def test_groups_are_their_machines_and_others_themselves() -> None:
    assert inventory_hosts(("web", "other"), CONFIG) == ["web1", "web2", "other"]
    assert inventory_hosts((), CONFIG) == ["web1", "web2", "db1"]


def test_no_machine_at_all_is_told() -> None:
    with pytest.raises(NotFoundError, match="there is no machine"):
        inventory_hosts((), HostsConfig())


@pytest.mark.parametrize("line", ["-oProxyCommand=x", "a\x1b[1m"])
def test_hostile_lines_are_refused(tmp_path: Path, line: str) -> None:
    file = tmp_path / "machines"
    file.write_text(f"web1\n{line}\n")
    with pytest.raises(InvalidInputError):
        inventory_hosts((), CONFIG, str(file))


def test_inventory_of_ansible_is_read_by_its_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "ansible-inventory"
    document = {"_meta": {"hostvars": {}}, "all": {"children": ["web"]}, "web": {"hosts": ["web1", "web2"]}}
    program.write_text(f"#!/bin/sh\necho '{json.dumps(document)}'\n")
    program.chmod(0o755)
    file = tmp_path / "hosts.ini"
    file.write_text("[web]\nweb1 ansible_user=x\nweb2\n")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert inventory_hosts((), CONFIG, str(file)) == ["web1", "web2"]
    program.write_text("#!/bin/sh\necho boom >&2; exit 1\n")
    with pytest.raises(InvalidInputError, match="cannot read the inventory"):
        inventory_hosts((), CONFIG, str(file))


def test_inventory_of_ansible_without_its_program_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "hosts.yml"
    file.write_text("all:\n  hosts:\n    web1:\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InvalidInputError, match="is an inventory of Ansible, whose program"):
        inventory_hosts((), CONFIG, str(file))
