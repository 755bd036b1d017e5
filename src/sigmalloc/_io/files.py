"""Files that are complete or not there: written under another name, flushed to disk, renamed.

Everything the package writes goes through `write` or `write_by_name`, whatever it is and wherever it is written.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import secrets
import shutil
import socket
import stat
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from .. import _checks

WEEK = 7 * 86400.0  # seconds after which a temporary file of an unknown process is taken to be abandoned
_TURNS = 1000  # attempts to replace a folder that others replace, too
PATIENCE = 3.0  # seconds after which an empty file is taken to be a claim that was abandoned

_TEMPORARY = re.compile(
    r"\.(?:part|stop)-(?P<owner>[A-Za-z0-9._]*)-(?P<process>\d+)-[0-9a-f]{8,16}(?:\.[A-Za-z0-9]{1,8})?"
)
_CLUTTER = frozenset({
    "thumbs.db", "ehthumbs.db", "desktop.ini", "lost+found", "system volume information", "$recycle.bin", "@eadir",
})  # fmt: skip
# What a file system answers that cannot flush what it was asked to flush: nothing has failed then.
_UNSUPPORTED = frozenset({errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EBADF})


def _owner() -> str:
    """Twelve digits for all processes that this one can see: those of a host, or of a container of its own.

    Containers may share a host's name and have numbers of processes of their own, so names are not enough.
    """
    facts = [socket.gethostname()]
    try:
        if sys.platform == "linux":
            with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
                facts += [file.read(), os.readlink("/proc/self/ns/pid")]
        else:
            facts.append(f"{uuid.getnode():x}")
    except OSError:  # it is not known: then what this process leaves is nobody's, and goes after a week
        facts.append(secrets.token_hex(8))
    return hashlib.blake2b("\n".join(facts).encode(), digest_size=6).hexdigest()


_HOST = _owner()


class StoreWarning(UserWarning):
    """A file in a store is damaged or does not belong there; the message names it. It is never used."""


class NotAFile(IsADirectoryError, ValueError):
    """A folder where a file should be."""


def checked_path(name: str, value: Any) -> str:
    """A path as text, with ``~`` expanded.

    Parameters
    ----------
    name : str
        Of the argument, for the message.
    value : str or os.PathLike

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If it is no path, is empty, or no file system could hold it.
    """
    try:
        path = os.fspath(value)
    except TypeError:
        path = None
    if not isinstance(path, str) or not path:
        raise ValueError(f"{name} must be a path, got {_checks.shown(value)}")
    try:
        encoded = os.fsencode(path)
    except UnicodeEncodeError:
        encoded = b"\0"
    if b"\0" in encoded:
        raise ValueError(f"{name} must be a path that a file system can hold, got {_checks.shown(path)}")
    return os.path.expanduser(path)


def checked_file(name: str, value: Any) -> str:
    """A checked path of a file that is to be written: one that does not end as those of folders do.

    Raises
    ------
    ValueError
        As `checked_path`, or if it ends in a separator, "." or "..".
    """
    path = checked_path(name, value)
    if os.path.basename(path) in ("", ".", ".."):
        raise ValueError(f"{name} must be the name of a file, not of a folder, got {_checks.shown(path)}")
    return path


def with_suffix(name: str, value: Any, suffix: str) -> Path:
    """A checked path of a file that ends in a suffix, which is appended where it is missing."""
    path = Path(checked_file(name, value))
    return path if path.suffix == suffix else path.with_name(path.name + suffix)


def write(
    path: str | os.PathLike[str], content: bytes | str | Callable[[BinaryIO], object], *, exclusive: bool = False
) -> bool:
    """Write a file that appears at ``path`` whole or not at all; missing folders are made.

    Parameters
    ----------
    path : str or Path
        A link is followed: what it points to is replaced.
    content : bytes, str or callable(file)
        Text is written as UTF-8, characters that have no encoding as escapes. A function is given the open binary file.
    exclusive : bool
        True leaves a file that is there already as it is. An empty file counts as none: `exists` says so, too.

    Returns
    -------
    bool
        False if the file was there.

    Raises
    ------
    OSError
        With the path in its message, if the disk is full, the folder cannot be written to, or there is a folder or a
        device at ``path``. What was there is as it was then.
    """

    def put(part: str) -> None:
        with open(part, "x+b") as file:  # readable, since archives are
            if callable(content):
                content(file)
            else:
                file.write(content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content)
            file.flush()
            _flush(file.fileno())

    return _replace(path, put, "", exclusive)


def write_by_name(path: str | os.PathLike[str], put: Callable[[str], object]) -> None:
    """As `write`, for libraries that want a name to write to, and for data sets that are folders.

    Parameters
    ----------
    path : str or Path
    put : callable(str)
        Given the temporary name, which ends as ``path`` does, it makes a file or a folder there.
    """

    def flushed(part: str) -> None:
        put(part)
        for folder, _, names in os.walk(part):
            for name in names:
                _flush_file(os.path.join(folder, name))
            _flush_folder(folder)
        if not os.path.isdir(part):
            _flush_file(part)

    suffix = os.path.splitext(path)[1]
    _replace(path, flushed, suffix if re.fullmatch(r"\.[A-Za-z0-9]{1,8}", suffix) else "", False)


def make_folder(path: str | os.PathLike[str]) -> None:
    """Make a folder and those above it, and flush the entries of new ones."""
    path = os.path.abspath(path)
    missing = []
    while not os.path.isdir(path):
        missing.append(path)
        above = os.path.dirname(path)
        if above == path:  # a drive that is not there
            break
        path = above
    for path in reversed(missing):
        with contextlib.suppress(FileExistsError):
            os.mkdir(path)
        if not os.path.isdir(path):
            raise NotADirectoryError(errno.ENOTDIR, "it is not a folder", path)
        _flush_folder(os.path.dirname(path))


def make_ready(folder: str | os.PathLike[str], name: str) -> None:
    """Make a folder, clear away what killed processes left in it, and find out now rather than after the work if it
    cannot be written to.

    Parameters
    ----------
    folder : str or Path
    name : str
        Of the argument, for the message.

    Raises
    ------
    OSError
        With both names.
    """
    try:
        make_folder(folder)
        remove_orphans(folder)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, "it is not writable", folder)
    except OSError as error:
        raise OSError(error.errno, f"{name}: cannot write to the folder {folder}: {error.strerror or error}") from error


def exists(path: str | os.PathLike[str]) -> bool:
    """Whether a file that `write` made is there: empty ones are claims of a name whose writer was interrupted."""
    try:
        return os.stat(path).st_size > 0
    except OSError:
        return False


def read(path: str | os.PathLike[str]) -> bytes:
    """The bytes of a file.

    Raises
    ------
    OSError
        If it cannot be opened or read.
    ValueError
        Saying what it is, if it is not a file; a pipe is not waited for. (A folder is an ``IsADirectoryError``, too.)
    """
    check_is_file(path)
    with open(path, "rb") as file:
        return file.read()


def check_is_file(path: str | os.PathLike[str]) -> None:
    """Raise a ValueError unless ``path`` is a file, and what `os.stat` raises if there is nothing."""
    kind = _kind(os.stat(path).st_mode)
    if kind == "a folder":
        raise NotAFile(f"{path} is a folder, not a file")
    if kind is not None:
        raise ValueError(f"{path} is {kind}, not a file")


def temporary_name(kind: str = "part", suffix: str = "") -> str:
    """A name that nobody else uses, which tells the machine (or container) and the process it belongs to."""
    return f".{kind}-{_HOST}-{os.getpid()}-{secrets.token_hex(8)}{suffix}"


def is_temporary(name: str) -> bool:
    return _TEMPORARY.fullmatch(name) is not None


def is_clutter(name: str) -> bool:
    """Whether a name is one that systems and file servers leave in any folder: hidden files and a few others."""
    return name.startswith(".") or name.lower() in _CLUTTER


def remove_orphans(folder: str | os.PathLike[str]) -> None:
    """Remove temporary files that killed processes have left.

    Those of processes that this one could see are removed if the process is gone. Nobody can tell for those of other
    machines and containers: they are removed a week after they were last written.
    """
    now = None
    for name in os.listdir(folder):
        match = _TEMPORARY.fullmatch(name)
        if match is None:
            continue
        path = os.path.join(folder, name)
        with contextlib.suppress(FileNotFoundError, IsADirectoryError, PermissionError):  # another sweep was faster
            if match["owner"] == _HOST:
                gone = not _alive(int(match["process"]))
            else:
                age = os.stat(path).st_mtime
                if time.time() - age > WEEK and now is None:
                    now = _time_of(folder)  # the clock that counts is the one that files are stamped by
                gone = now is not None and now - age > WEEK
            if gone:
                os.unlink(path)


def _replace(path: str | os.PathLike[str], put: Callable[[str], None], suffix: str, exclusive: bool) -> bool:
    path = os.path.expanduser(path)
    if os.path.islink(path):
        path = os.path.realpath(path)
    folder = os.path.dirname(path)
    part = os.path.join(folder, temporary_name(suffix=suffix))
    try:
        make_folder(folder or ".")
        try:
            _refuse(path, suffix)
            put(part)
            done = _publish(part, path, exclusive)
            _flush_folder(folder or ".")
        finally:
            _remove(part)
    except OSError as error:
        raise OSError(error.errno, f"cannot write {path}: {error.strerror or error}") from error
    return done


def _refuse(path: str, suffix: str) -> None:
    """Devices are not replaced by files, and folders only by folders of the same ending."""
    try:
        kind = _kind(os.stat(path).st_mode)
    except OSError:
        return
    if kind in ("a device", "a socket") or (kind == "a folder" and not suffix):
        raise OSError(errno.EISDIR if kind == "a folder" else errno.EEXIST, f"there is {kind}")


def _publish(part: str, path: str, exclusive: bool) -> bool:
    if not exclusive:
        if os.path.isdir(part):
            _replace_folder(part, path)
        else:
            os.replace(part, path)
        return True
    if not _claimed(part, path):
        if not _abandoned(path):
            return False
        os.replace(part, path)
    return True


def _replace_folder(part: str, path: str) -> None:
    """Put a folder in the place of another, which is put aside first: others may be doing so at the same time."""
    for _ in range(_TURNS):
        aside = os.path.join(os.path.dirname(path), temporary_name())
        there = os.path.isdir(path)
        if there:
            try:
                os.rename(path, aside)
            except FileNotFoundError:
                there = False
        try:
            os.rename(part, path)
        except BaseException as error:
            if isinstance(error, OSError) and error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                _remove(aside)  # somebody else's is there already, and newer
                continue
            if there:
                os.rename(aside, path)
            raise
        _remove(aside)
        return
    raise OSError(errno.EBUSY, "others replace it all the time")


def _claimed(part: str, path: str) -> bool:
    """Give a file its name unless it is taken, by a hard link; where those are refused (exFAT, SMB, folders in a
    cloud), by an empty file that the whole one then replaces."""
    try:
        if os.name == "nt":
            os.rename(part, path)
        else:
            os.link(part, path)
        return True
    except FileExistsError:
        return False
    except OSError:
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        except FileExistsError:
            return False
    try:
        os.replace(part, path)
    except BaseException:
        _remove(path)
        raise
    return True


def _abandoned(path: str) -> bool:
    """Whether a file that is there stays empty: then whoever claimed its name was killed before it could follow."""
    end = time.monotonic() + PATIENCE
    while os.path.exists(path) and not exists(path):
        if time.monotonic() > end:
            return True
        time.sleep(0.02)
    return False


def _remove(path: str) -> None:
    """Remove a file or a folder that may not be there; on a disk that fails, it is left to `remove_orphans`."""
    with contextlib.suppress(OSError):
        if os.path.isdir(path):
            shutil.rmtree(path)
        elif os.path.lexists(path):
            os.unlink(path)


def _flush(descriptor: int) -> None:
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise


def _flush_file(path: str) -> None:
    with open(path, "rb+") as file:
        _flush(file.fileno())


def _flush_folder(folder: str) -> None:
    if os.name != "posix":  # elsewhere a folder cannot be opened, and a rename is durable by itself
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except PermissionError:  # one may write into a folder that one may not read
        return
    try:
        _flush(descriptor)
    finally:
        os.close(descriptor)


def _kind(mode: int) -> str | None:
    """What something is that is not a file, in words; None for a file."""
    for test, kind in (
        (stat.S_ISREG, None), (stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a pipe"), (stat.S_ISSOCK, "a socket"),
        (stat.S_ISCHR, "a device"), (stat.S_ISBLK, "a device"),
    ):  # fmt: skip
        if test(mode):
            return kind
    return "something else"


def _alive(process: int) -> bool:
    if os.name != "posix":  # there is no harmless way of asking
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def _time_of(folder: str | os.PathLike[str]) -> float:
    """The time that the file system has."""
    probe = os.path.join(folder, temporary_name())
    with open(probe, "xb"):
        now = os.stat(probe).st_mtime
    os.unlink(probe)
    return now
