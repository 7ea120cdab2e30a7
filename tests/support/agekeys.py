"""Keys that copies are encrypted for, made by the programs that people make them with."""

import subprocess
from pathlib import Path
from typing import NamedTuple


class KeyPair(NamedTuple):
    """A public key as it stands in a configuration, and the file of the private one."""

    recipient: str
    identity: str


def age_key(folder: Path, name: str = "age") -> KeyPair:
    """A key of age."""
    path = folder / name
    subprocess.run(["age-keygen", "-o", path], check=True, capture_output=True)
    public = next(line for line in path.read_text().splitlines() if "public key" in line)
    return KeyPair(public.split()[-1], str(path))


def ssh_key(folder: Path, kind: str, *options: str, passphrase: str = "") -> KeyPair:
    """A key of ssh; `options` are more of ssh-keygen's."""
    path = folder / "-".join((kind, *options, *filter(None, [passphrase])))
    command = ["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", "ada@web 1", "-f", str(path), *options]
    subprocess.run(command, check=True)
    return KeyPair(Path(f"{path}.pub").read_text().strip(), str(path))


def library_key(path: Path) -> KeyPair:
    """A key of age, made by the library."""
    from pyrage import x25519

    identity = x25519.Identity.generate()
    path.write_text(f"{identity}\n")
    path.chmod(0o600)
    return KeyPair(str(identity.to_public()), str(path))
