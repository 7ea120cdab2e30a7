"""The arguments of the verbs about the configuration: config, repo."""

from typing import NamedTuple

from tui.cli.arguments.parser import Parser, choice
from tui.cli.arguments.values import absolute

CONFIG_ACTIONS = ("show", "check")
REPO_ACTIONS = ("list", "add", "remove", "test")


class ConfigArgs(NamedTuple):
    """Whether to show what holds, or to look whether it can work."""

    action: str


class RepoArgs(NamedTuple):
    """What is to be done with which repository; what follows the URL is of one that is added."""

    action: str
    name: str
    url: str
    endpoint: str
    region: str
    recipients: tuple[str, ...]
    identity: str
    ca_file: str
    instance: bool


def config(parser: Parser) -> type[ConfigArgs]:
    """Describe `config`."""
    parser.describe(
        "Shows what is configured, and on which line of the file; check also looks\n"
        "whether repositories can be opened, keys used, steps of schedules understood.",
        "config",
        "config check",
    )
    parser.operand(
        "action", "ACTION", "show (default) or check", default="show", type=choice("config", CONFIG_ACTIONS)
    )
    parser.offer("action", CONFIG_ACTIONS)
    return ConfigArgs


def repo(parser: Parser) -> type[RepoArgs]:
    """Describe `repo`."""
    parser.describe(
        "Lists the repositories of the configuration, adds one to it, removes one from\n"
        "it (its copies stay), or tries what its store can do, and leaves nothing there.\n"
        "URL is s3://BUCKET/PATH, gs://..., az://..., file:///PATH, rclone:REMOTE:PATH.",
        "repo add offsite s3://backups/snaps --recipient age1abc...",
        "repo test offsite",
        "repo remove offsite",
    )
    text = "list (default), add, remove or test"
    parser.operand("action", "ACTION", text, default="list", type=choice("repo", REPO_ACTIONS))
    parser.offer("action", REPO_ACTIONS)
    parser.operand("name", "NAME", "the repository (not with list)")
    parser.operand("url", "URL", "where it is (with add)")
    parser.option("endpoint", "URL", "a server of one's own that speaks S3")
    parser.option("region", "NAME", "the region of the bucket")
    text = "encrypt for this key: age1..., ssh-...; may be repeated"
    parser.option("recipient", "KEY", text, dest="recipients", default=[], action="append")
    parser.option("identity", "FILE", "the key that reads copies back here", type=absolute)
    parser.option("ca-file", "FILE", "trust this authority (PEM)", type=absolute)
    parser.flag("instance", "ask for the role of the machine itself")
    for flag in ("endpoint", "region", "identity", "ca-file"):
        parser.refuse_empty(flag)
    return RepoArgs
