"""Which machines are meant: groups of the configuration, files, inventories of Ansible."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence

from backend.config import HostsConfig
from backend.errors import InvalidInputError, NotFoundError
from backend.fs import files
from backend.remote.ssh import demand_host

_LARGEST = 16 << 20
_ANSIBLE = "ansible-inventory"


def inventory_hosts(names: Sequence[str], config: HostsConfig, inventory: str = "") -> list[str]:
    """Return the machines that names stand for, each once: groups of the configuration, else machines.

    Without names they are all of the inventory, or all of the configuration.

    Raises:
        InvalidInputError: one can be none, or the inventory cannot be read.
        NotFoundError: there is none.
    """
    listed = _inventory(inventory) if inventory else config.groups
    groups = {**config.groups, **listed}
    hosts = [host for name in names or listed for host in groups.get(name, (name,))]
    if not hosts:
        raise NotFoundError("there is no machine: name some, or configure groups in [hosts]")
    return list(dict.fromkeys(map(demand_host, hosts)))


def _inventory(path: str) -> Mapping[str, tuple[str, ...]]:
    """The groups of an inventory; a file of lines is one group, by its own path."""
    lines = [line.partition("#")[0].strip() for line in _read(path).splitlines()]
    if not _is_of_ansible(path, lines):
        return {path: tuple(filter(None, lines))}
    if shutil.which(_ANSIBLE) is None:
        raise InvalidInputError(f"{path} is an inventory of Ansible, whose program {_ANSIBLE} is not here")
    done = subprocess.run([_ANSIBLE, "-i", path, "--list"], capture_output=True, text=True, check=False)
    try:
        document = json.loads(done.stdout)
        groups = {name: value["hosts"] for name, value in document.items() if "hosts" in value}
        return {name: tuple(map(str, hosts)) for name, hosts in groups.items()}
    except (ValueError, TypeError, AttributeError, KeyError):
        reason = done.stderr.strip().splitlines()[-1:] or ["it told no groups"]
        raise InvalidInputError(f"cannot read the inventory {path}: {reason[0]:.200}") from None


def _read(path: str) -> str:
    with files.os_errors_as("cannot read the inventory"):
        try:
            return files.read_whole(path, _LARGEST).decode("utf-8", "replace")
        except FileNotFoundError:
            raise InvalidInputError(f"there is no inventory {path}") from None


def _is_of_ansible(path: str, lines: Sequence[str]) -> bool:
    """Whether a file is more than a name on each line."""
    is_list = not any(line.startswith("[") or " " in line or ":" in line for line in lines)
    return not is_list or os.path.splitext(path)[1] in (".yml", ".yaml", ".json")
