"""`apay links`: each product's deep link, and its QR.

Knows how a link is shown. Whoever follows one gets the invoice from the listener.
"""

from pathlib import Path
from typing import Annotated

import typer

from apaycli.cli.env import Env
from apaycli.cli.options import command
from apaycli.errors import UsageError


@command
def links(
    env: Env,
    sku: Annotated[str | None, typer.Argument(help="Only this product.", show_default=False)] = None,
    qr: Annotated[str | None, typer.Option(help="A folder for the QR pictures, or - to draw them here.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace existing pictures.")] = False,
) -> None:
    """Each product's deep link: it opens the bot's chat and brings the invoice.

    Examples:

      apay links

      apay links rubber-duck --qr -

      apay links --qr pictures
    """
    from apaycli.cli.qr import TERMINAL, check_qr_target, draw_qr
    from apaycli.core.conversation import product_link
    from apaycli.text import nearest, show

    products = env.stock.products
    if sku is not None and sku not in products:
        raise UsageError(f"there is no product {show(sku)!r} in {env.config.stock_file}{nearest(sku, products)}")
    folder = None if qr in (None, TERMINAL) else Path(qr or "")
    if folder is not None and (not qr or not folder.is_dir()):
        raise UsageError(f"--qr {folder}: is no folder; make it first")
    wanted = [name for name in products if sku in (None, name)]
    for target in [str(folder / f"{name}.png") for name in wanted] if folder is not None else [qr]:
        check_qr_target(target, env, force=force)
    api = env.open_api()
    try:
        username = str(api.read("getMe").get("username", ""))
    finally:
        api.close()
    rows = [(name, product_link(username, name)) for name in wanted]
    if env.output.as_json:
        env.output.document([{"sku": name, "link": link} for name, link in rows])
    else:
        env.output.table(("SKU", "LINK"), rows)
    for name, link in rows:
        if qr == TERMINAL:
            env.output.say(name)
            draw_qr(link, TERMINAL, env)
        elif folder is not None:
            draw_qr(link, str(folder / f"{name}.png"), env, force=force)
