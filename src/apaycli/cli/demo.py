"""`apay demo`: placeholder."""

from apaycli.cli.env import Env
from apaycli.cli.options import command


@command
def demo(env: Env) -> None:
    """Play a whole purchase offline."""
