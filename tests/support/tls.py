"""A way in to a server by TLS, with a certificate of an authority that nobody knows."""

import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import NamedTuple

_EXTENSIONS = "subjectAltName=DNS:localhost,IP:127.0.0.1\n"
_PIECE = 1 << 16


class TlsFront(NamedTuple):
    """Where it is reached, and the certificate of its authority."""

    endpoint: str
    authority: Path


@contextmanager
def tls_front(base: Path, port: int) -> Iterator[TlsFront]:
    """Pass on, decrypted, what comes by TLS to the server on a port of loopback."""
    authority = _make_certificates(base)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(base / "server.pem", base / "server.key")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Thread(target=_accept, args=(listener, context, port), daemon=True)
        server.start()
        yield TlsFront(f"https://localhost:{listener.getsockname()[1]}", authority)
        listener.shutdown(socket.SHUT_RDWR)
        server.join()


def _make_certificates(base: Path) -> Path:
    (base / "extensions").write_text(_EXTENSIONS)
    for command in (
        "req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=nobody",
        "req -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj /CN=localhost",
        "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out server.pem -days 2 "
        "-extfile extensions",
    ):
        subprocess.run(["openssl", *command.split()], cwd=base, check=True, capture_output=True)
    return base / "ca.pem"


def _accept(listener: socket.socket, context: ssl.SSLContext, port: int) -> None:
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        with suppress(OSError):
            secure = context.wrap_socket(client, server_side=True)
            server = socket.create_connection(("127.0.0.1", port))
            for source, target in ((secure, server), (server, secure)):
                Thread(target=_pass_on, args=(source, target), daemon=True).start()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(_PIECE):
            target.sendall(piece)
    for end in (source, target):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
            end.close()
