"""Members of a tar on their way out: their headers as Go lays them out."""

import os
from typing import NamedTuple

from backend.archive.tar.stream import padded

_NAME, _OCTAL_SIZE, _OCTAL_ID = 100, 8**11, 8**7


class TarHeader(NamedTuple):
    """A member to be exported; `fd` is None where `data` is the content."""

    name: str
    size: int
    mode: int
    mtime: int
    uid: int
    gid: int
    fd: int | None
    data: bytes


def header(member: TarHeader) -> bytes:
    """The header of a member: USTAR, and PAX before it only for what does not fit."""
    raw = os.fsencode(member.name)
    records = {}
    if len(raw) > _NAME or not raw.isascii():
        records["path"] = member.name
    numbers = {
        "size": (member.size, _OCTAL_SIZE),
        "uid": (member.uid, _OCTAL_ID),
        "gid": (member.gid, _OCTAL_ID),
    }
    numbers["mtime"] = (member.mtime, _OCTAL_SIZE)
    fields = {}
    for key, (value, limit) in numbers.items():
        fits = 0 <= value < limit
        fields[key] = value if fits else 0
        if not fits:
            records[key] = str(value)
    owner, group = ("", "") if member.fd is None else _owner_names(member.uid, member.gid)
    plain = _ustar(raw, member.mode, fields, kind=b"0", owners=(owner, group))
    if not records:
        return plain
    content = b"".join(_record(key, records[key]) for key in sorted(records))
    blank = {"size": len(content), "uid": 0, "gid": 0, "mtime": 0}
    extended = _ustar(b"PaxHeaders.0/" + raw, 0, blank, kind=b"x", owners=("", ""))
    return extended + content + bytes(padded(len(content)) - len(content)) + plain


def _ustar(name: bytes, mode: int, fields: dict[str, int], *, kind: bytes, owners: tuple[str, str]) -> bytes:
    name = bytes(byte for byte in name if byte < 0x80)[:_NAME]
    ids = b"%07o\0%07o\0%07o\0" % (mode, fields["uid"], fields["gid"])
    block = bytearray(name.ljust(_NAME, b"\0") + ids + b"%011o\0%011o\0" % (fields["size"], fields["mtime"]))
    block += b" " * 8 + kind + bytes(_NAME) + b"ustar\x0000"
    block += b"".join(os.fsencode(owner)[:31].ljust(32, b"\0") for owner in owners)
    block += b"0000000\0" * 2 + bytes(167)
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def _record(key: str, value: str) -> bytes:
    body = b" " + key.encode() + b"=" + os.fsencode(value) + b"\n"
    length = len(body)
    while len(str(length)) + len(body) != length:
        length = len(str(length)) + len(body)
    return str(length).encode() + body


def _owner_names(uid: int, gid: int) -> tuple[str, str]:
    import grp
    import pwd

    try:
        owner = pwd.getpwuid(uid).pw_name
    except KeyError:
        owner = ""
    try:
        return owner, grp.getgrgid(gid).gr_name
    except KeyError:
        return owner, ""
