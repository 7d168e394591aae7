"""A disk under SQLite that writes down what reaches it: `with recording_vfs() as recorder: ...`.

Knows the structures of SQLite's VFS (sqlite3.h) and how to stand in for the default one of the very library that
Python's `sqlite3` uses. Never knows what the bytes mean.

Theory. The shim's VFS is a copy of the real one with its own xOpen and xDelete. A file is opened by the real VFS;
then its table of methods is exchanged for a copy of that table in which four methods are ours: write, truncate,
sync, close. Everything else, reading and locking above all, goes on at full speed without us.

A sync is written down and not carried out: the disk is played, and what it would hold is `power_disk`'s to say.
The folder is synced where SQLite syncs it: with the first sync of a log or journal, and with a deletion that asks
for it. `-shm` is not watched: it is made anew after a power cut.
"""

import _sqlite3
import ctypes
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from ctypes import CFUNCTYPE, POINTER, Structure, c_char_p, c_int, c_longlong, c_void_p
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pytest

# "ignored sync" is never recorded: it is a test's word for a disk that lies.
Kind = Literal["create", "write", "truncate", "sync", "failed sync", "ignored sync", "sync folder", "delete"]

_MAIN_DB, _JOURNAL, _SUPER_JOURNAL, _WAL = 0x100, 0x800, 0x4000, 0x80000  # SQLITE_OPEN_*
_CREATE = 0x4
_NAME = b"recording"


class Step(NamedTuple):
    """One thing that was done to a file. `offset` of a truncation is the new size."""

    kind: Kind
    file: str
    offset: int = 0
    data: bytes = b""


class Recorder:
    """`log`: what was done, oldest first. `fail(kind, file)`: what SQLite is told instead, an SQLITE_* code, or 0.

    A failing write leaves its first half, as a full disk does; of what a failing sync should have kept nothing is
    sure, and no later sync makes it so. Other failing steps do nothing.
    """

    def __init__(self) -> None:
        self.log: list[Step] = []
        self.fail: Callable[[Kind, str], int] = lambda kind, file: 0


@contextmanager
def recording_vfs() -> Iterator[Recorder]:
    """Every ledger that is opened inside is recorded. Skips the test where Python's SQLite cannot be reached."""
    shim = _the_shim()
    assert shim.recorder is None, "one recorder at a time"
    shim.recorder = recorder = Recorder()
    shim.library.sqlite3_vfs_register(shim.own, 1)
    try:
        yield recorder
    finally:
        shim.library.sqlite3_vfs_register(shim.real, 1)
        shim.library.sqlite3_vfs_unregister(shim.own)
        shim.recorder = None


# -- sqlite3.h --------------------------------------------------------------------------------------------------------


class _Vfs(Structure):
    _fields_ = [
        *[("iVersion", c_int), ("szOsFile", c_int), ("mxPathname", c_int)],
        *[(name, c_void_p) for name in ("pNext", "zName", "pAppData")],
        *[(name, c_void_p) for name in ("xOpen", "xDelete", "xAccess", "xFullPathname")],
        *[(name, c_void_p) for name in ("xDlOpen", "xDlError", "xDlSym", "xDlClose")],
        *[(name, c_void_p) for name in ("xRandomness", "xSleep", "xCurrentTime", "xGetLastError")],
        *[(name, c_void_p) for name in ("xCurrentTimeInt64", "xSetSystemCall", "xGetSystemCall", "xNextSystemCall")],
    ]


class _Methods(Structure):
    _fields_ = [
        ("iVersion", c_int),
        *[(name, c_void_p) for name in ("xClose", "xRead", "xWrite", "xTruncate", "xSync", "xFileSize")],
        *[(name, c_void_p) for name in ("xLock", "xUnlock", "xCheckReservedLock", "xFileControl")],
        *[(name, c_void_p) for name in ("xSectorSize", "xDeviceCharacteristics")],
        *[(name, c_void_p) for name in ("xShmMap", "xShmLock", "xShmBarrier", "xShmUnmap", "xFetch", "xUnfetch")],
    ]


class _File(Structure):
    _fields_ = [("pMethods", POINTER(_Methods))]


_METHODS_BYTES = {1: _Methods.xShmMap.offset, 2: _Methods.xFetch.offset, 3: ctypes.sizeof(_Methods)}

_Open = CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p, c_int, c_void_p)
_Delete = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int)
_Close = CFUNCTYPE(c_int, c_void_p)
_Write = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int, c_longlong)
_Truncate = CFUNCTYPE(c_int, c_void_p, c_longlong)
_Sync = CFUNCTYPE(c_int, c_void_p, c_int)


# -- the shim ---------------------------------------------------------------------------------------------------------


class _OpenFile:
    """A watched file between xOpen and xClose: its name, and the real methods."""

    def __init__(self, name: str, real: _Methods, folder_unsynced: bool) -> None:
        self.name = name
        self.folder_unsynced = folder_unsynced
        self.close = _Close(real.xClose)
        self.write = _Write(real.xWrite)
        self.truncate = _Truncate(real.xTruncate)


class _Shim:
    """One for the whole process, and never freed: SQLite keeps pointers into it."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self.library = library
        self.recorder: Recorder | None = None
        self.real: int = library.sqlite3_vfs_find(None)
        self._vfs = _Vfs.from_buffer_copy(_Vfs.from_address(self.real))
        self.own = ctypes.addressof(self._vfs)
        self._real_open, self._real_delete = _Open(self._vfs.xOpen or 0), _Delete(self._vfs.xDelete or 0)
        self._name = c_char_p(_NAME)
        self._vfs.zName = ctypes.cast(self._name, c_void_p)
        self._callbacks = [_Open(self._open), _Delete(self._delete), _Close(self._close)]
        self._callbacks += [_Write(self._write), _Truncate(self._truncate), _Sync(self._sync)]
        pointers = [ctypes.cast(each, c_void_p).value for each in self._callbacks]
        self._vfs.xOpen, self._vfs.xDelete, *self._file_callbacks = pointers
        self._tables: dict[int, _Methods] = {}
        self._files: dict[int, _OpenFile] = {}

    def _fails(self, kind: Kind, file: str) -> int:
        return self.recorder.fail(kind, file) if self.recorder else 0

    def _note(self, *step: Any) -> None:
        if self.recorder:
            self.recorder.log.append(Step(*step))

    def _open(self, _vfs: int, name_at: int | None, file_at: int, flags: int, out_flags: int | None) -> int:
        watched = name_at is not None and flags & (_MAIN_DB | _JOURNAL | _SUPER_JOURNAL | _WAL)
        name = os.fsdecode(ctypes.string_at(name_at)) if name_at is not None and watched else ""
        new = bool(watched) and self._is_new(name, flags)
        if new and (code := self._fails("create", name)):
            ctypes.memset(file_at, 0, ctypes.sizeof(_File))
            return code
        code = self._real_open(self.real, name_at, file_at, flags, out_flags)
        if watched and code == sqlite3.SQLITE_OK:
            folder_unsynced = bool(flags & _CREATE) and not flags & _MAIN_DB
            self._watch(file_at, name, folder_unsynced)
            if new:
                self._note("create", name)
        return int(code)

    def _is_new(self, name: str, flags: int) -> bool:
        """apay makes the ledger's file itself, empty, before SQLite opens it."""
        path = Path(name)
        if not path.exists():
            return True
        return (
            bool(flags & _MAIN_DB) and path.stat().st_size == 0 and name not in {f.name for f in self._files.values()}
        )

    def _watch(self, file_at: int, name: str, folder_unsynced: bool) -> None:
        """Exchange the file's methods for ours."""
        file = _File.from_address(file_at)
        real_at = ctypes.addressof(file.pMethods.contents)
        real = _Methods.from_address(real_at)
        if real_at not in self._tables:
            table = _Methods()
            ctypes.memmove(ctypes.addressof(table), real_at, _METHODS_BYTES[min(real.iVersion, 3)])
            table.xClose, table.xWrite, table.xTruncate, table.xSync = self._file_callbacks
            self._tables[real_at] = table
        self._files[file_at] = _OpenFile(name, real, folder_unsynced)
        file.pMethods = ctypes.pointer(self._tables[real_at])

    def _close(self, file_at: int) -> int:
        return int(self._files.pop(file_at).close(file_at))

    def _write(self, file_at: int, data_at: int, size: int, offset: int) -> int:
        file = self._files[file_at]
        failure = self._fails("write", file.name)
        written = size // 2 if failure else size
        code = file.write(file_at, data_at, written, offset) if written else sqlite3.SQLITE_OK
        if code == sqlite3.SQLITE_OK:
            self._note("write", file.name, offset, ctypes.string_at(data_at, written))
        return int(failure or code)

    def _truncate(self, file_at: int, size: int) -> int:
        file = self._files[file_at]
        code = self._fails("truncate", file.name) or file.truncate(file_at, size)
        if code == sqlite3.SQLITE_OK:
            self._note("truncate", file.name, size)
        return int(code)

    def _sync(self, file_at: int, _flags: int) -> int:
        file = self._files[file_at]
        if code := self._fails("sync", file.name):
            self._note("failed sync", file.name)
            return code
        self._note("sync", file.name)
        if file.folder_unsynced:
            file.folder_unsynced = False
            self._note("sync folder", str(Path(file.name).parent))
        return sqlite3.SQLITE_OK

    def _delete(self, _vfs: int, name_at: int, sync_folder: int) -> int:
        name = os.fsdecode(ctypes.string_at(name_at))
        code = self._fails("delete", name) or self._real_delete(self.real, name_at, 0)
        if code == sqlite3.SQLITE_OK:
            self._note("delete", name)
            if sync_folder:
                self._note("sync folder", str(Path(name).parent))
        return int(code)


_shims: list[_Shim] = []


def _the_shim() -> _Shim:
    if not _shims:
        library = _library()
        if library is None:
            pytest.skip("this Python hides its SQLite: no disk can be put under it")
        _shims.append(_Shim(library))
    return _shims[0]


def _library() -> ctypes.CDLL | None:
    """The library that Python's `sqlite3` uses, if it can be reached from outside."""
    for name in (getattr(_sqlite3, "__file__", None), None):
        with suppress(OSError, AttributeError, TypeError):
            library = ctypes.CDLL(name)
            library.sqlite3_libversion.restype = c_char_p
            library.sqlite3_vfs_find.restype = c_void_p
            library.sqlite3_vfs_find.argtypes = [c_char_p]
            library.sqlite3_vfs_register.argtypes = [c_void_p, c_int]
            library.sqlite3_vfs_unregister.argtypes = [c_void_p]
            if _is_pythons(library):
                return library
    return None


def _is_pythons(library: ctypes.CDLL) -> bool:
    """Two copies of SQLite may be loaded; only in Python's own is a VFS found that was registered here."""
    probe = _Vfs.from_buffer_copy(_Vfs.from_address(library.sqlite3_vfs_find(None)))
    name = c_char_p(b"probe")
    probe.zName = ctypes.cast(name, c_void_p)
    library.sqlite3_vfs_register(ctypes.addressof(probe), 0)
    try:
        sqlite3.connect("file:none?vfs=probe&mode=memory", uri=True).close()
    except sqlite3.OperationalError:
        return False
    finally:
        library.sqlite3_vfs_unregister(ctypes.addressof(probe))
    return True
