"""What a configuration may say, and how a mistake in it is told."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend import RetentionRules
from backend.config import Config, default_path, load_config, parse_config, settings_of
from backend.errors import InvalidInputError, NotAllowedError, SnapshotError

WHOLE = """
[repositories.offsite]
url = "s3://backups/snaps"            # where
endpoint = "https://rgw.example.net"
recipients = ["age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kudztj0sspw7jkr"]
identity = "/root/.config/snapstow/identity"

[retention]
keep_last = 3
keep_daily = 7

[retention.snaps.nextcloud]
keep_within = "90d"

[schedules.nightly]
when = "daily"
steps = ["save --stop-services", "push --new offsite"]
notify = ["mailtos://user:secret@example.net"]
metrics = "/var/lib/snapstow.prom"

[hosts]
groups.web = ["web1", "admin@web2"]
parallel = 4
"""


def test_all_of_it_is_read() -> None:
    config = parse_config(WHOLE.encode(), "c.toml")
    offsite = config.repositories["offsite"]
    assert (offsite.name, offsite.url, offsite.endpoint) == (
        "offsite",
        "s3://backups/snaps",
        "https://rgw.example.net",
    )
    assert config.retention.rules == RetentionRules(keep_last=3, keep_daily=7)
    assert config.retention.rules_of("nextcloud") == RetentionRules(keep_within=90 * 86400)
    assert config.retention.rules_of("hello") == config.retention.rules
    assert config.schedules["nightly"].steps == ("save --stop-services", "push --new offsite")
    assert (config.hosts.groups["web"], config.hosts.parallel) == (("web1", "admin@web2"), 4)
    assert "secret" not in repr(config)


def test_settings_have_their_lines_and_no_secret(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(WHOLE)
    file.chmod(0o600)
    settings = {setting.key: setting for setting in settings_of(load_config(str(file)))}
    assert (settings["repositories.offsite.url"].line, settings["retention.keep_daily"].line) == (3, 10)
    assert settings["retention.snaps.nextcloud.keep_within"][1:] == ("90d", 13)
    assert settings["schedules.nightly.notify"].value == "(1, not shown)"
    assert settings["hosts.groups.web"].value == "web1, admin@web2"
    assert not any("secret" in setting.value for setting in settings.values())


MISTAKES = {
    '[repositories.x]\nurl = "ftp://a"': "c.toml:2: repositories.x.url: that is no address; expected",
    '[repositories.x]\nurl = "htps://user:secret@host"': "c.toml:2: repositories.x.url: that is no address",
    "[repositories.x]": "c.toml:1: repositories.x.url: it is missing; expected",
    '[repositories."../x"]\nurl = "file:///a"': "that is no name",
    '[repositories.x]\nurl = "s3://key:secret@b"': "there must be no secret in an address",
    '[repositories.x]\nurl = "file:///a"\nrecipient = ["a"]': "that key is unknown; expected recipients",
    '[repositories.x]\nurl = "file:///a"\nrecipients = ["nonsense"]': '"nonsense" is no public key',
    '[repositories.x]\nurl = "file:///a"\nidentity = "key"': "is no absolute path",
    "[retention]\nkeep_last = -1": "c.toml:2: retention.keep_last: -1 is no number of sets",
    "[retention]\nkeep_last = true": "True is no number of sets",
    '[retention]\nkeep_within = "soon"': '"soon" is no span of time; expected 90d',
    "[schedules.x]\nwhen = 'daily'": "c.toml:1: schedules.x.steps: there is no step",
    "[schedules.x]\nwhen = 'daily'\nsteps = 'save'": "that is no list of texts",
    "[hosts]\nparallel = 0": "0 is no number of hosts",
    "[hosts": "c.toml: ",
    "snapshots = 3": "c.toml:1: snapshots: that key is unknown",
    "repositories = 3": "c.toml:1: repositories: that is no table",
}


@pytest.mark.parametrize(("text", "mistake"), MISTAKES.items())
def test_mistake_names_line_key_and_what_would_be_right(text: str, mistake: str) -> None:
    with pytest.raises(InvalidInputError) as mistaken:
        parse_config(text.encode(), "c.toml")
    assert mistake in str(mistaken.value)
    assert "secret@" not in str(mistaken.value)


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    try:
        parse_config(raw, "c.toml")
    except InvalidInputError:
        pass


def test_secrets_that_others_can_read_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(WHOLE)
    file.chmod(0o644)
    with pytest.raises(NotAllowedError, match=f"run: chmod 600 {file}"):
        load_config(str(file))
    file.write_text("[retention]\nkeep_last = 3\n")
    assert load_config(str(file)).retention.rules.keep_last == 3


def test_no_file_is_no_configuration_unless_it_was_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert default_path() == f"{tmp_path}/snapstow/config.toml"
    assert load_config() == Config(default_path())
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_path() == f"{tmp_path}/.config/snapstow/config.toml"
    with pytest.raises(InvalidInputError, match="there is no configuration /nowhere"):
        load_config("/nowhere")


def test_things_that_are_no_file_are_told(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for place in (tmp_path, tmp_path / "fifo"):
        with pytest.raises(SnapshotError):
            load_config(str(place))
