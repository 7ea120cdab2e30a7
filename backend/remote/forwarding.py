"""The snapd of another machine, answering at a socket of a root of its own here."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

from backend.errors import UnreachableError
from backend.host.layout import Layout
from backend.host.socket import daemon_answers
from backend.remote.ssh import Link, reason_of

_PATIENCE = 15.0
_GLANCE = 0.02


@contextmanager
def forwarded_root(link: Link) -> Iterator[str]:
    """A root directory for whose snapd the one at the other end of a link answers, until it is left.

    Nothing else is in it: what is not asked of snapd cannot be had.

    Raises:
        UnreachableError: ssh does not get there, or that snapd does not answer.
    """
    root = os.path.join(link.folder, "root")
    socket = Layout(root).socket
    os.makedirs(os.path.dirname(socket), mode=0o700)
    process = subprocess.Popen(
        link.forwarding_line(socket),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        _await(process, link.host, socket)
        yield root
    finally:
        process.kill()
        process.communicate()


def _await(process: "subprocess.Popen[bytes]", host: str, socket: str) -> None:
    end = time.monotonic() + _PATIENCE
    while not (os.path.exists(socket) and daemon_answers(socket)):
        if process.poll() is not None:
            _, errors = process.communicate()
            reason = reason_of(host, process.returncode, errors.decode(errors="replace"))
            raise UnreachableError(f"{host}: {reason or 'ssh ended'}")
        if time.monotonic() > end:
            raise UnreachableError(
                f"{host}: its snapd does not answer over ssh (is forwarding allowed there?)"
            )
        time.sleep(_GLANCE)
