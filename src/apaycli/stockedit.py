"""Changing one number in the merchant's stock file.

Knows how to set `stock` of one product and leave everything else, comments too, as it was written. The
listener never calls this: only the merchant's own commands do.
"""

from pathlib import Path
from typing import Any, cast

from apaycli.errors import ConfigError
from apaycli.files import complete_file


def set_stock(path: Path, sku: str, stock: int) -> None:
    """Write `stock` of `sku`; the file changes in one step, and keeps its mode."""
    import tomlkit  # heavy, and only here
    import tomlkit.exceptions

    text = path.read_bytes().decode("utf-8-sig")
    try:
        document = cast("dict[str, Any]", tomlkit.parse(text))
        document["products"][sku]["stock"] = stock
    except (tomlkit.exceptions.TOMLKitError, KeyError, TypeError) as error:
        raise ConfigError(f"{path}: products.{sku} cannot be changed here; edit the file by hand") from error
    mode = path.stat().st_mode
    target = path.resolve()  # a link stays a link
    with complete_file(target) as file:
        file.write(tomlkit.dumps(cast("tomlkit.TOMLDocument", document)).encode("utf-8"))
    target.chmod(mode & 0o777)
