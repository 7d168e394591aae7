"""Whether what a ledger consists of is ours: each table, index, view and trigger, word for word.

Knows the schema's text; never a row. A trigger that somebody added runs inside our own transactions, a UNIQUE index
refuses payments, a table without its CHECK takes anything: so nothing may differ, be missing or be added. Two things
may: a user's own views, which we never read, and what SQLite itself adds for its planner.

Costs half a millisecond at each start: the texts are compared as they are, and taken apart only where they differ.
"""

import re
import sqlite3
from functools import cache

from apaycli.errors import LedgerError
from apaycli.store.migrations import schema_statements
from apaycli.text import show

_OF_SQLITE = {"CREATE TABLE sqlite_stat1(tbl,idx,stat)", "CREATE TABLE sqlite_stat4(tbl,idx,neq,nlt,ndlt,sample)"}
_CREATE = re.compile(
    r"CREATE (?:TEMP |TEMPORARY |UNIQUE |VIRTUAL )?(?P<kind>TABLE|INDEX|VIEW|TRIGGER) (?P<name>\"[^\"]*\"|[^\s(]*)",
    re.IGNORECASE,
)


def schema_problems(db: sqlite3.Connection) -> list[str]:
    """What is not as apay made it, a sentence each. Judged by the words alone: the columns `type` and `name` beside
    them can be made to say anything, and SQLite does not go by them."""
    texts = [str(sql) for (sql,) in db.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")]
    if len(texts) == len(_texts()) and set(texts) == _texts():
        return []
    wanted = wanted_objects()
    foreign = list(map(_plain, texts))
    altered = {name: sql for name, sql in wanted.items() if sql not in foreign}
    for sql in set(wanted.values()) - set(altered.values()):
        foreign.remove(sql)  # one of each is ours
    others = {_kind_and_name(sql) for sql in foreign if sql not in _OF_SQLITE}
    names = {name for _, name in others}
    return [
        *(f"the {kind} {name} is none of apay's" for kind, name in sorted(others)
          if name not in altered and (kind != "view" or name in wanted)),
        *(f"{name} is not as apay made it" if name in names else f"{name} is missing" for name in altered),
    ]  # fmt: skip


def refuse_foreign_schema(db: sqlite3.Connection, path: str) -> None:
    """Raise LedgerError where something in it is not ours."""
    problems = schema_problems(db)
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise LedgerError(
            f"{path} was changed by another program: {problems[0]}{more}",
            hint='apay verify names all of it; docs/ledger.md says under "schema" what to do',
        )


def wanted_objects() -> dict[str, str]:
    """What a fresh ledger consists of, by name, in one line and without comments."""
    return {_kind_and_name(sql)[1]: sql for sql in map(_plain, sorted(_texts()))}


@cache
def _texts() -> frozenset[str]:
    """The statements as SQLite keeps them: from CREATE on, without the last semicolon."""
    made = (text[text.index("CREATE ") :] for text in schema_statements() if "CREATE " in text)
    return frozenset(text.rstrip().removesuffix(";") for text in made)


def _plain(sql: str) -> str:
    return " ".join(re.sub(r"--[^\n]*", "", sql).split())


def _kind_and_name(sql: str) -> tuple[str, str]:
    match = _CREATE.match(sql)
    return (match["kind"].lower(), show(match["name"].strip("\"'"), 100)) if match else ("object", show(sql, 100))
