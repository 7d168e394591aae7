"""Where config and state lie: named files, the environment, the user's folders.

Knows the order in which a config is looked for. Never reads one, and never takes one from the current folder.
"""

import os
from collections.abc import Mapping
from pathlib import Path


def config_path(explicit: Path | None, environ: Mapping[str, str]) -> tuple[Path, bool]:
    """Where the config is looked for, and whether somebody named that very file."""
    if explicit is not None:
        return explicit, True
    if environ.get("APAY_CONFIG"):
        return Path(environ["APAY_CONFIG"]), True
    return home_folder(environ) / "config.toml", False


def home_folder(environ: Mapping[str, str]) -> Path:
    """`$APAY_HOME`, else the user's config folder."""
    if environ.get("APAY_HOME"):
        return Path(environ["APAY_HOME"])
    if os.name == "nt" and environ.get("APPDATA"):
        return Path(environ["APPDATA"]) / "apay"
    base = environ.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path(environ.get("HOME") or "~").expanduser() / ".config") / "apay"


def state_folder(environ: Mapping[str, str]) -> Path:
    """`$XDG_STATE_HOME/apay`, else `~/.local/state/apay`, else what Windows has."""
    if os.name == "nt" and environ.get("LOCALAPPDATA"):
        return Path(environ["LOCALAPPDATA"]) / "apay"
    base = environ.get("XDG_STATE_HOME")
    return (Path(base) if base else Path(environ.get("HOME") or "~").expanduser() / ".local" / "state") / "apay"
