"""Backups by the listener itself: due or not, and made in a thread of their own.

Knows when one is due: from what the kept ones say of themselves, so that a restart makes none too many. The thread dies
with the process: a stop does not wait for a backup, and half of one never gets a name.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from apaycli.cli.env import Env
from apaycli.errors import ApayError

if TYPE_CHECKING:
    from apaycli.backups import BackupSetting
    from apaycli.listen.setting import BackupNews

_AGAIN_MILLISECONDS = 600_000  # after a failure


def backup_task(env: Env) -> "Callable[[], Awaitable[BackupNews | None]] | None":
    """What the listener asks each minute; None where no folder is configured."""
    if env.config.values.get("backup.dir") is None:
        return None
    from apaycli.backups_kept import kept_backups
    from apaycli.cli.backup import setting_of

    setting, every, bot_id = setting_of(env), env.config.values["backup.every"] * 1000, env.config.bot_id()
    failed_at: int | None = None

    async def back_up() -> "BackupNews | None":
        nonlocal failed_at
        now = env.clock.now()
        if any(0 <= now - each.made_at < every for each in kept_backups(setting.folder, now, bot_id)):
            return None
        if failed_at is not None and 0 <= now - failed_at < _AGAIN_MILLISECONDS:
            return None
        news = await _in_a_thread(lambda: _make(env, setting, now))
        failed_at = now if news.path is None else None
        return news

    return back_up


def _make(env: Env, setting: "BackupSetting", now: int) -> "BackupNews":
    from apaycli.backups import make_backup
    from apaycli.listen.setting import BackupNews

    try:
        made = make_backup(env.config.store_path, setting, now)
    except ApayError as error:
        return BackupNews(None, 0, failure=error.message)
    except OSError as error:
        return BackupNews(None, 0, failure=f"{setting.folder}: {error.strerror}")
    return BackupNews(str(made.path), made.inspection.receipts, after_failure=made.after_failure)


async def _in_a_thread(work: "Callable[[], BackupNews]") -> "BackupNews":
    """A daemon thread, unlike asyncio's own: the process may end meanwhile."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[BackupNews] = loop.create_future()

    def tell(news: "BackupNews | None", error: BaseException | None) -> None:
        if done.done():
            return
        if error is not None:
            done.set_exception(error)
        elif news is not None:
            done.set_result(news)

    def run() -> None:
        try:
            loop.call_soon_threadsafe(tell, work(), None)
        except RuntimeError:
            pass  # the loop is over, and nobody waits
        except BaseException as error:
            loop.call_soon_threadsafe(tell, None, error)

    threading.Thread(target=run, name="backup", daemon=True).start()
    return await done
