"""How single values of the config are read.

Knows what each kind of value may look like: text, paths, durations, addresses. Raises `BadValue`, whose
message continues "<file>: <key> ..."; never knows which key it is reading.
"""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address

from apaycli.files import FileProblem, Real
from apaycli.files_trust import refuse_changeable_by_others

_DURATION = re.compile(r"([1-9][0-9]{0,6})([smhd])", re.ASCII)
_CHAT = re.compile(r"-?[1-9][0-9]{0,14}|@[A-Za-z][A-Za-z0-9_]{3,31}", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_NAME = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*\.?", re.ASCII)
_NUMERIC = re.compile(r"(?:.*\.)?(?:[0-9]+|0[xX][0-9A-Fa-f]*)\.?", re.ASCII)  # what resolvers take for a number
_WRAPPING_NETWORKS = ("::ffff:0:0/96", "::/96", "64:ff9b::/96")
_LOOPBACK_NAMES = {"localhost", "localhost.localdomain", "ip6-localhost"}


class BadValue(ValueError):
    """What is allowed, as the end of a sentence that began with file and key."""


def parse_text(value: Any, _folder: Path) -> str:
    if not isinstance(value, str) or isinstance(value, Real) or not value.strip():
        raise BadValue("must be a text in quotes, and not empty")
    return value


def parse_flag(value: Any, _folder: Path) -> bool:
    if not isinstance(value, bool):
        raise BadValue("must be true or false")
    return value


def parse_path(value: Any, folder: Path) -> Path:
    """A path; a relative one starts at the folder of the config file."""
    text = parse_text(value, folder)
    if "\x00" in text:
        raise BadValue("is no path")
    return _absolute(text, folder)


def _absolute(text: str, folder: Path) -> Path:
    """`~` is the home of whoever runs this; another user's may not exist."""
    try:
        return folder / Path(text).expanduser()
    except RuntimeError:
        raise BadValue(f"names the home of a user who is not here: {text[:80]}") from None


def parse_duration(value: Any) -> int:
    """`"30m"` to seconds."""
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise BadValue('must be a number with s, m, h or d, such as "30m"')
    return int(match.group(1)) * _SECONDS[match.group(2)]


def parse_duration_between(least: int, most: int) -> Callable[[Any, Path], int]:
    """A duration within bounds, both in seconds."""

    def parse(value: Any, _folder: Path) -> int:
        seconds = parse_duration(value)
        if not least <= seconds <= most:
            raise BadValue(f"must be {render_duration(least)} to {render_duration(most)}, this is {value}")
        return seconds

    return parse


def parse_count_between(least: int, most: int) -> Callable[[Any, Path], int]:
    """A whole number."""

    def parse(value: Any, _folder: Path) -> int:
        if type(value) is not int or not least <= value <= most:
            raise BadValue(f"must be a whole number, {least} to {most}")
        return value

    return parse


def render_duration(seconds: int) -> str:
    """Seconds to the shortest exact form: 1800 to `30m`."""
    unit = next(unit for unit in "dhms" if seconds % _SECONDS[unit] == 0)
    return f"{seconds // _SECONDS[unit]}{unit}"


def parse_chat(value: Any, folder: Path) -> str:
    """A chat of the Bot API: its id, or @username of a channel or public group."""
    if type(value) is int and value != 0 and -(2**52) < value < 2**52:
        return str(value)
    text = parse_text(value, folder).strip()
    if not _CHAT.fullmatch(text):
        raise BadValue("must be a chat's id, such as 123456789, or @name of a channel or public group")
    return text


def parse_store_url(value: Any, folder: Path) -> Path:
    """`sqlite:FILE` or a plain path."""
    text = parse_text(value, folder)
    if text.startswith(("postgresql:", "postgres:")):
        raise BadValue("names PostgreSQL, which this version of apay does not know; use sqlite:FILE")
    scheme, colon, rest = text.partition(":")
    if colon and len(scheme) > 1 and scheme != "sqlite":
        raise BadValue("must be sqlite:FILE")
    return parse_path(rest.removeprefix("//") if scheme == "sqlite" and colon else text, folder)


def parse_command(value: Any, folder: Path) -> tuple[str, ...]:
    """A program and its arguments. A relative program starts at the folder of the config file."""
    if not isinstance(value, list) or not value or not all(isinstance(word, str) for word in value):
        raise BadValue('must be a list: ["./program", "argument"]; there is no shell')
    if any("\x00" in word for word in value):
        raise BadValue("contains a zero byte")
    program = _absolute(value[0], folder)
    if not _is_file(program):
        raise BadValue(f"names {program}, which is no file")
    if not os.access(program, os.X_OK):
        raise BadValue(f"names {program}, which cannot be run; run: chmod +x '{program}'")
    try:  # an argument that is a file may be a script, or say what may be read: both are the owner's alone to write
        for file in (program, *(folder / word for word in value[1:] if _is_file(folder / word))):
            refuse_changeable_by_others(file)
    except FileProblem as problem:
        raise BadValue(f"names {problem}") from None
    return (str(program), *value[1:])


def parse_program(value: Any, folder: Path) -> tuple[str, ...]:
    """A command whose program may also be a bare name, such as `age`: it is looked for as a shell would."""
    if isinstance(value, list) and value and isinstance(value[0], str) and not set(value[0]) & {"/", os.sep}:
        import shutil

        found = shutil.which(value[0])
        if found is None:
            raise BadValue(f"names {value[0]!r}, which is not installed (or not in PATH)")
        value = [found, *value[1:]]
    return parse_command(value, folder)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is too long
        return False


def parse_hook_url(value: Any, folder: Path) -> str:
    """The merchant's own receiver: the same care as for the Bot API server, but a query is allowed."""
    text = parse_text(value, folder)
    address, question, query = text.partition("?")
    return parse_api_url(address, folder) + question + query


def parse_api_url(value: Any, folder: Path) -> str:
    """The Bot API server. https; plain http only to this machine; nothing in it that could leak or mislead."""
    from urllib.parse import urlsplit

    text = parse_text(value, folder).rstrip("/")
    if not text.isascii() or not text.isprintable() or " " in text:
        raise BadValue("must not contain blanks, control characters or letters outside ASCII")
    try:
        parts = urlsplit(text)
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        raise BadValue("is no address") from None
    if parts.scheme not in {"http", "https"} or not host:
        raise BadValue("must begin with https:// (or http:// for this machine: http://127.0.0.1:8081)")
    if "@" in parts.netloc or "?" in text or "#" in text:
        raise BadValue("must not contain a user, a password, ? or #")
    if ":" not in host and not _NAME.fullmatch(host):
        raise BadValue("must name a host by letters, digits, dots and hyphens")
    if parts.scheme == "http" and not _is_loopback(host):
        raise BadValue("must be https:// (plain http:// is for this machine only: 127.0.0.1)")
    if _is_link_local(host):
        raise BadValue("must not be a link-local address")
    return parts.scheme + text[len(parts.scheme) :]


def _is_loopback(host: str) -> bool:
    address = _address(host)
    return address.is_loopback if address else host.lower() in _LOOPBACK_NAMES


def _is_link_local(host: str) -> bool:
    """Also where IPv6 wraps an IPv4 address: mapped, compatible, 6to4 and NAT64."""
    address = _address(host)
    if address is None or address.is_link_local or address.version == 4:
        return address is not None and address.is_link_local
    import ipaddress

    is_wrapped = any(address in ipaddress.IPv6Network(network) for network in _WRAPPING_NETWORKS)
    wrapped = address.sixtofour or (ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF) if is_wrapped else None)
    return wrapped is not None and wrapped.is_link_local


def _address(host: str) -> "IPv4Address | IPv6Address | None":
    """`host` as a number, or None for a name. Most hosts are names, and need no import.

    A number is written in one way: 0xA9FEA9FE, 2852039166, 0251.254.169.254 and 169.16689662 are all 169.254.169.254 to
    whoever connects, and not to every program alike.
    """
    if ":" not in host and not _NUMERIC.fullmatch(host):
        return None
    import ipaddress

    try:
        return ipaddress.ip_address(host)
    except ValueError:
        raise BadValue("must write an address as four decimal numbers, such as 192.0.2.1, or as IPv6") from None
