"""A file system that fails: a layer under the package's one writer."""

import builtins
import errno
import os

from sigmalloc._io import files

EIO = (errno.EIO, os.strerror(errno.EIO))


class Failing:
    """Stands in for ``os`` and ``open`` in the writer, and fails at the n-th operation that changes the disk, or, with
    ``forever``, at that and all later ones."""

    CHANGES = ("fsync", "replace", "rename", "link", "mkdir")

    def __init__(self, fail_at, error=None, refuse_links=False, forever=False):
        self.fail_at, self.error, self.refuse_links, self.done = fail_at, error or OSError(*EIO), refuse_links, []
        self.forever = forever

    def count(self, what):
        self.done.append(what)
        number = len(self.done) - 1
        if number == self.fail_at or (self.forever and number > self.fail_at):
            raise self.error

    def __getattr__(self, name):
        real = getattr(os, name)
        if name == "link" and self.refuse_links:

            def refused(*arguments):
                raise OSError(errno.EPERM, os.strerror(errno.EPERM))

            return refused
        if name == "open":  # a claim is made by it
            return lambda path, flags: self.opened(path, flags)
        if name not in self.CHANGES:
            return real

        def operation(*arguments):
            self.count(name)
            return real(*arguments)

        return operation

    def opened(self, path, flags):
        if flags & os.O_CREAT:
            self.count("claim")
        return os.open(path, flags)

    def opening(self, path, mode="r", **keywords):
        if "x" in mode:
            self.count("open")
        file = builtins.open(path, mode, **keywords)  # noqa: SIM115
        if "x" in mode:
            write = file.write

            def counted(content):
                half = bytes(content)[: len(content) // 2]
                try:
                    self.count("write")
                except BaseException:
                    write(half)
                    raise
                return write(content)

            return Written(file, counted)
        return file


class Written:
    def __init__(self, file, write):
        self._file, self.write = file, write

    def __getattr__(self, name):
        return getattr(self._file, name)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._file.close()


def under(monkeypatch, failing):
    monkeypatch.setattr(files, "os", failing)
    monkeypatch.setattr(files, "open", failing.opening, raising=False)
    return failing
