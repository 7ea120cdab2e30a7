"""What is handed to ssh, and what its failures are told as."""

import pytest

from backend.errors import InvalidInputError
from backend.remote.ssh import Link, demand_host, reason_of


@pytest.mark.parametrize("name", ["web1", "admin@web1.example.net", "2001:db8::1", "h" * 255])
def test_names_that_ssh_takes_pass(name: str) -> None:
    assert demand_host(name) == name


@pytest.mark.parametrize("name", ["", "-oProxyCommand=x", "a b", "a\nb", "a\x1b[31m", "h" * 256])
def test_names_that_could_be_something_else_are_refused(name: str) -> None:
    with pytest.raises(InvalidInputError, match="cannot be a machine"):
        demand_host(name)


@pytest.mark.parametrize(
    ("errors", "reason"),
    [
        (
            "ssh: connect to host web1 port 22: Connection refused\r\n",
            "Connection refused (no sshd listens there)",
        ),
        (
            "@@@ WARNING @@@\nHost key verification failed.\n",
            "Host key verification failed. "
            "(its key is unknown here, or another one now; look by hand: ssh web1)",
        ),
        (
            "root@web1: Permission denied (publickey).\n",
            "root@web1: Permission denied (publickey). "
            "(no key of yours lets you in there; try by hand: ssh web1)",
        ),
        ("kex: something new\n", "kex: something new"),
        ("", "ssh failed"),
    ],
)
def test_failures_are_told_in_words_of_ssh_with_what_to_do(errors: str, reason: str) -> None:
    assert reason_of("web1", 255, errors) == reason


def test_exit_codes_of_commands_there_are_no_failures_of_ssh() -> None:
    assert reason_of("web1", 1, "error: there is no set #9") == ""


def test_words_of_a_command_arrive_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SNAPSTOW_SSH", "ssh -F '/a b/config'")
    with Link("web1", asks=False) as link:
        line = link.line(["snapstow", "find", 'a\'b "$x" ;*'])
        assert line[:3] == ["ssh", "-F", "/a b/config"]
        assert line[-3:-1] == ["--", "web1"]
        assert line[-1] == "snapstow find 'a'\"'\"'b \"$x\" ;*'"
        assert "-oBatchMode=yes" in line
        assert not any("StrictHostKeyChecking" in word for word in line)
