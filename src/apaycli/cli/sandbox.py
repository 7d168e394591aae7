"""`apay sandbox`: a Bot API and buyers to practise with, on this machine alone.

Knows how to start it and what to print. What it does is the room `sandbox`, which shares no code with the
client.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from apaycli.cli.env import Env, new_seed
from apaycli.cli.options import command
from apaycli.errors import UsageError

if TYPE_CHECKING:
    from apaycli.sandbox.world import World


@dataclass(frozen=True, slots=True)
class Options:
    port: int = 0
    seed: int | None = None


@command
def sandbox(
    env: Env,
    port: Annotated[int, typer.Option(help="0: any free one.")] = 0,
    seed: Annotated[int | None, typer.Option(help="The same seed gives the same ids and tokens.")] = None,
) -> None:
    """Telegram, A-Pay and buyers to practise with; no internet. Stops with Ctrl-C.

    Prints the address and its tokens as environment variables. Buyers are played through POST
    ADDRESS/sandbox/press_pay and its neighbours: docs/sandbox.md.

    Examples:

      apay sandbox --port 8099

      apay sandbox --json
    """
    run(Options(port, seed), env)


def run(options: Options, env: Env) -> None:
    import asyncio

    if not 0 <= options.port <= 65535:
        raise UsageError("--port takes 0 to 65535")
    asyncio.run(_serve(options, env))


async def _serve(options: Options, env: Env) -> None:
    from apaycli.sandbox.server import serve
    from apaycli.sandbox.world import World

    # By chance: the ids of an earlier sandbox would look like repetitions to a ledger that has seen them.
    world = World(env.clock, options.seed if options.seed is not None else new_seed())
    try:
        server = await serve(world, "127.0.0.1", options.port)
    except OSError as error:
        raise UsageError(f"port {options.port} cannot be used: {error.strerror}", hint="take --port 0") from error
    try:
        _announce(env, server.address, world)
        await _until_signal()
        env.output.say("apay: the sandbox has stopped; nothing of it is kept")
    finally:
        await server.close()


def _announce(env: Env, address: str, world: "World") -> None:
    """These tokens open nothing but this sandbox: the one place where apay prints a token."""
    values = {
        "APAY_API_URL": address,
        "APAY_BOT_TOKEN": world.bot_token,
        "APAY_TEST_PROVIDER_TOKEN": world.test_provider_token,
        "APAY_LIVE_PROVIDER_TOKEN": world.live_provider_token,
        "APAY_API_KEY": world.apay.api_key,
    }
    if env.output.as_json:
        env.output.document(values)
    else:
        for name, value in values.items():
            env.output.out(f"export {name}={value}")
    env.output.flush()
    env.output.say(f'apay: A-Pay: [apay] base_url = "{address}/apay", project_id = "{world.apay.project_id}"')
    env.output.say("apay: the sandbox is running; buyers 1001 and 1002 have pressed Start; Ctrl-C stops it")


async def _until_signal() -> None:
    import asyncio

    from apaycli.cli.stopping import stopped_by_signals

    stopped = asyncio.Event()
    with stopped_by_signals(lambda _number: stopped.set()):
        await stopped.wait()
