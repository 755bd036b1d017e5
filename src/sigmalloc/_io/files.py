"""Files that are complete or not there: written under another name, flushed to disk, renamed."""

import os
import re
import secrets
import socket

_HOST = re.sub(r"[^A-Za-z0-9.]", "_", socket.gethostname())
_TEMPORARY = re.compile(r"\.(?:part|stop)-(?P<host>[A-Za-z0-9._]*)-(?P<process>\d+)-[0-9a-f]{8}")


def temporary_name(kind="part"):
    """A name that nobody else uses, which tells the machine and the process it belongs to."""
    return f".{kind}-{_HOST}-{os.getpid()}-{secrets.token_hex(4)}"


def write(path, put, *, exclusive=False):
    """Have ``put(file)`` write a file that appears at ``path`` whole or not at all.

    Parameters
    ----------
    path : str
    put : callable(file)
    exclusive : bool
        True leaves a file that is there already as it is; needs a file system with hard links.

    Returns
    -------
    bool
        False if the file was there.

    Raises
    ------
    OSError
        With the path in its message, if the disk is full or the folder cannot be written to.
    """
    folder = os.path.dirname(path)
    part = os.path.join(folder, temporary_name())
    try:
        try:
            with open(part, "xb") as file:
                put(file)
                file.flush()
                os.fsync(file.fileno())
            if exclusive:
                os.link(part, path)
            else:
                os.replace(part, path)
            _flush_folder(folder)
        finally:
            if os.path.exists(part):
                os.unlink(part)
    except FileExistsError:
        return False
    except OSError as error:
        raise OSError(error.errno, f"cannot write {path}: {error.strerror or error}") from error
    return True


def _flush_folder(folder):
    if os.name != "posix":  # elsewhere a folder cannot be opened, and a rename is durable by itself
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def is_temporary(name):
    return _TEMPORARY.fullmatch(name) is not None


def remove_orphans(folder):
    """Remove temporary files that killed processes of this machine have left."""
    for name in os.listdir(folder):
        match = _TEMPORARY.fullmatch(name)
        if match and match["host"] == _HOST and not _alive(int(match["process"])):
            try:
                os.unlink(os.path.join(folder, name))
            except FileNotFoundError:  # another sweep was faster
                continue


def _alive(process):
    if os.name != "posix":  # there is no harmless way of asking
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
