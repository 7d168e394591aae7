"""`apay stock`: what is offered, sold, held and available; and changing what is offered.

Knows how to show the levels. The arithmetic is `core/stock.py`, the file `stockfile.py` and `stockedit.py`.
"""

from typing import TYPE_CHECKING, Annotated

import typer

from apaycli.cli.ending import cannot_write
from apaycli.cli.env import Env
from apaycli.cli.options import command
from apaycli.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from apaycli.core.model import Mode, Product
    from apaycli.core.stock import StockLevel

app = typer.Typer(invoke_without_command=True)
_UNITS_MAX = 1_000_000_000


@app.callback()
@command
def stock(env: Env) -> None:
    """What is left: offered, sold, held and available units of each product.

    Examples:

      apay stock

      apay stock add rubber-duck 5

      apay stock count rubber-duck 12
    """
    levels = stock_levels(env)
    if env.output.as_json:
        env.output.document({"mode": env.mode, "products": [_document(level) for level in levels]})
        return
    rows = [
        (level.sku, level.title, _units(level.stock), level.sold, level.held, _units(level.available))
        for level in levels
    ]
    if env.output.is_terminal(env.output.stdout):
        env.output.say(f"apay: units in {env.mode} mode")
    env.output.table(("SKU", "TITLE", "OFFERED", "SOLD", "HELD", "AVAILABLE"), rows)
    for level in levels:
        if level.overcommitted:
            env.output.warn(f"{level.sku}: {level.overcommitted} units more are sold or held than offered")


@app.command("check")
@command
def check(env: Env) -> None:
    """Read the stock file and name every problem.

    Example:

      apay stock check
    """
    count, path = len(env.stock.products), env.config.stock_file
    if env.output.as_json:
        env.output.document({"file": str(path), "products": count, "warnings": list(env.stock.warnings)})
    else:
        env.output.out(f"{path}: {count} product(s), no mistakes")


@app.command("add")
@command
def add(
    env: Env,
    sku: Annotated[str, typer.Argument(help="The product.")],
    units: Annotated[int, typer.Argument(help="How many more are offered.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Say what would be written.")] = False,
) -> None:
    """Delivered some more: add them to the number of units offered.

    Example:

      apay stock add rubber-duck 5
    """
    product = _limited_product(env, sku)
    _check_units(units, least=1)
    _set(env, product, (product.stock or 0) + units, dry_run=dry_run)


@app.command("count")
@command
def count(
    env: Env,
    sku: Annotated[str, typer.Argument(help="The product.")],
    units: Annotated[int, typer.Argument(help="How many lie on the shelf.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Say what would be written.")] = False,
) -> None:
    """Counted the shelf: set the number offered to what is there + sold + held.

    Example:

      apay stock count rubber-duck 12 --live
    """
    from apaycli.core.stock import stock_after_count

    product = _product(env, sku)
    _check_units(units, least=0)
    level = next(level for level in stock_levels(env) if level.sku == sku)
    env.output.say(f"apay: {units} on the shelf + {level.sold} sold + {level.held} held ({env.mode})")
    _set(env, product, stock_after_count(units, level.sold, level.held), dry_run=dry_run)
    _warn_of_the_other_mode(env, sku, units + level.sold + level.held, units)


def _warn_of_the_other_mode(env: Env, sku: str, stock: int, units: int) -> None:
    """The file holds one number; test and live are counted apart, and so it may say too much for the other."""
    other: Mode = "live" if env.mode == "test" else "test"
    sold, held = _counts(env, other).get(sku, (0, 0))
    if stock - sold - held > units:
        env.output.warn(
            f"in {other} mode {stock - sold - held} can be sold now, and {units} are on the shelf"
            + ("; count with --live" if other == "live" else "")
        )


def stock_levels(env: Env) -> "list[StockLevel]":
    """Every product of the stock file, in its order."""
    from apaycli.core.stock import stock_level

    counts = _counts(env, env.mode)
    return [stock_level(product, *counts.get(product.sku, (0, 0))) for product in env.stock.products.values()]


def _counts(env: Env, mode: "Mode") -> dict[str, tuple[int, int]]:
    """(sold, held) of the mode; nothing was sold where there is no ledger yet."""
    place = env.ledger_place
    if place.is_empty:
        place.refuse_if_lost()
        return {}
    store = env.open_store(read_only=True)
    try:
        return store.stock_counts(mode)
    finally:
        store.close()


def _product(env: Env, sku: str) -> "Product":
    from apaycli.text import nearest, show

    product = env.stock.products.get(sku)
    if product is None:
        where = env.config.stock_file
        raise UsageError(f"there is no product {show(sku)!r} in {where}{nearest(sku, env.stock.products)}")
    return product


def _limited_product(env: Env, sku: str) -> "Product":
    product = _product(env, sku)
    if product.stock is None:
        raise UsageError(f"{sku} is unlimited: it has no stock to add to", hint=f"apay stock count {sku} N limits it")
    return product


def _check_units(units: int, least: int) -> None:
    if not least <= units <= _UNITS_MAX:
        raise UsageError(f"the number of units must be {least} to {_UNITS_MAX}")


def _set(env: Env, product: "Product", stock: int, *, dry_run: bool) -> None:
    from apaycli.stockedit import set_stock

    if stock > _UNITS_MAX:
        raise UsageError(f"the number offered would be {stock}, at most {_UNITS_MAX} is allowed")
    path = env.config.stock_file
    if not dry_run:
        try:
            set_stock(path, product.sku, stock)
        except OSError as error:
            raise cannot_write(f"{path} cannot be written: {error.strerror}", error, ConfigError) from error
    if env.output.as_json:
        env.output.document({"sku": product.sku, "stock": stock, "before": product.stock, "written": not dry_run})
    else:
        would = "would be" if dry_run else "is"
        env.output.out(f"{product.sku}: stock {would} {stock} (was {_units(product.stock)})")


def _units(units: int | None) -> str:
    return "unlimited" if units is None else str(units)


def _document(level: "StockLevel") -> dict[str, object]:
    return {
        "sku": level.sku,
        "title": level.title,
        "stock": level.stock,
        "sold": level.sold,
        "held": level.held,
        "available": level.available,
        "overcommitted": level.overcommitted,
    }
