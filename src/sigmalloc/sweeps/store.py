"""The folder of a sweep: its manifests, its tasks and its blocks."""

import json
import os
import re
import warnings

import numpy as np

from .. import __version__
from .._io import archive, files
from ..runs.result import versions
from . import problems
from .generations import Generation, contains
from .specification import Specification, differences

FORMAT = 1
_MANIFEST = re.compile(r"manifest(?:-(?P<number>\d{4}))?\.json")


class StoreWarning(UserWarning):
    """A file in a store is damaged or does not belong there; the message names it. It is never used."""


class DamagedBlock(ValueError):
    """A block that cannot be read or is not what its name says."""

    def __init__(self, path, fault):
        super().__init__(f"{path} {fault}: delete it and run the sweep again, which computes it anew")
        self.fault = fault


class Store:
    """A folder of manifests, tasks and blocks.

    Parameters
    ----------
    path : str or Path
    """

    def __init__(self, path):
        self.path = os.path.abspath(os.fspath(path))
        self.blocks = os.path.join(self.path, "blocks")
        self.tasks = os.path.join(self.path, "tasks")

    def exists(self):
        return os.path.exists(self.manifest_path(0))

    def manifest_path(self, number):
        return os.path.join(self.path, f"manifest-{number:04d}.json" if number else "manifest.json")

    def prepare(self):
        """Make the folder, or refuse one that holds something else; clear away what killed processes left.

        Raises
        ------
        ValueError
            If the folder is not empty and no store.
        OSError
            If the folder cannot be made or written to.
        """
        try:
            os.makedirs(self.path, exist_ok=True)
            if not self.exists():
                others = [name for name in os.listdir(self.path) if not self._belongs(name)]
                if others:
                    raise ValueError(
                        f"store {self.path} holds no sweep, but other files ({sorted(others)[0]!r}): name a new folder"
                    )
            for folder in (self.blocks, self.tasks):
                os.makedirs(folder, exist_ok=True)
            for folder in (self.path, self.blocks, self.tasks):
                files.remove_orphans(folder)
                if not os.access(folder, os.W_OK | os.X_OK):
                    raise PermissionError(13, "the folder is not writable", folder)
        except OSError as error:
            raise OSError(error.errno, f"cannot use {self.path} as a store: {error.strerror or error}") from error

    def generations(self):
        """All generations, the first one first.

        Raises
        ------
        ValueError
            If there is no manifest, or one of them is damaged or of another format.
        """
        if not self.exists():
            raise ValueError(f"{self.path} holds no sweep: there is no manifest.json in it")
        found = []
        while os.path.exists(path := self.manifest_path(len(found))):
            record = _read_manifest(path)
            found.append(Generation(
                len(found), _specification(path, record), record["block_size"], found[-1] if found else None
            ))  # fmt: skip
        return found

    def adopt(self, wanted, made, block_size):
        """Make sure that the store holds a specification, adding a generation if the grid is new or has grown.

        Parameters
        ----------
        wanted : Specification
        made : dict of {str: Problem}
        block_size : callable(int) -> int
            Asked with the runs held already, only if a generation is added.

        Returns
        -------
        list of Generation

        Raises
        ------
        ValueError
            If the store holds another sweep.
        """
        while True:
            held = self.generations() if self.exists() else []
            if held:
                last = held[-1].specification
                self.check(wanted)
                if wanted.same_as(last):
                    return held
            for problem in made.values():
                problems.save(self.tasks, problem)
            if held and wanted.n_runs == last.n_runs:
                return held
            record = {
                "format": FORMAT, "versions": versions(), "block_size": block_size(last.n_runs if held else 0),
                "specification": wanted.to_json(),
            }  # fmt: skip
            text = json.dumps(record, indent=1, allow_nan=False).encode()
            files.write(self.manifest_path(len(held)), lambda file: file.write(text), exclusive=True)  # noqa: B023
            # Whether it is ours or that of a sweep that was faster, it is the one that counts.

    def check(self, wanted):
        """Raise a ValueError unless a specification is that of the store or a larger one."""
        generations = self.generations()
        held = generations[-1].specification
        made_by = _read_manifest(self.manifest_path(len(generations) - 1))["versions"]["sigmalloc"]
        if made_by != __version__:
            raise ValueError(
                f"store {self.path} was made by sigmalloc {made_by}, and this is {__version__}: go on with that "
                "version, since another may give other bits, or name a new folder (open_sweep reads any)"
            )
        if wanted.same_as(held):
            return
        if wanted.keep != held.keep or not contains(wanted, held):
            reasons = differences(wanted, held) or ["cells of its grid are not among those asked for"]
            raise ValueError(
                f"store {self.path} holds another sweep: {'; '.join(reasons)}. A grid may grow (more values, more "
                "restarts) but not change: name a new folder, or read this one with open_sweep"
            )

    def survey(self):
        """All generations, and which blocks are there.

        Returns
        -------
        list of Generation
        dict of {str: Block}
            Blocks that are done, by name.
        dict of {str: str}
            Files that are damaged or do not belong, by path, and what is wrong with each. None of them is used.
        """
        present = set(os.listdir(self.blocks)) if os.path.isdir(self.blocks) else set()
        others = {
            os.path.join(self.path, name): "is not part of a sweep"
            for name in sorted(os.listdir(self.path) if os.path.isdir(self.path) else ())
            if not self._belongs(name)
        }
        generations = self.generations()  # read after the blocks were listed: no block is older than its manifest
        done, bad = {}, others
        for generation in generations:
            for block in generation.blocks:
                if block.name in present:
                    present.discard(block.name)
                    fault = self.fault(block)
                    if fault is None:
                        done[block.name] = block
                    else:
                        bad[os.path.join(self.blocks, block.name)] = fault
        for name in sorted(present):
            if not files.is_temporary(name):
                bad[os.path.join(self.blocks, name)] = "is not a block of this sweep"
        return generations, done, bad

    def fault(self, block):
        """What is wrong with a block's file, or None."""
        try:
            self.read(block, ())
        except DamagedBlock as error:
            return error.fault
        return None

    def read(self, block, names):
        """Arrays of a block.

        Parameters
        ----------
        block : Block
        names : sequence of str

        Returns
        -------
        list of array, shape (runs, ...)

        Raises
        ------
        DamagedBlock
            Naming the file, if it is missing, damaged, or holds other runs than it should.
        """
        path = os.path.join(self.blocks, block.name)
        try:
            arrays = archive.load(path, ("keys", *names))
        except (ValueError, OSError) as error:
            raise DamagedBlock(path, f"is damaged ({error})") from error
        if arrays["keys"].tobytes() != np.ascontiguousarray(block.keys, dtype="<u8").tobytes():
            raise DamagedBlock(path, "holds other runs than its name says")
        return [arrays[name] for name in names]

    def has(self, block):
        return os.path.exists(os.path.join(self.blocks, block.name))

    def task(self, digest):
        """The `Problem` with this digest."""
        return problems.load(self.tasks, digest)

    def bytes(self):
        """Disk that the store takes."""
        total = 0
        for folder in (self.path, self.blocks, self.tasks):
            with os.scandir(folder) as entries:
                total += sum(entry.stat().st_size for entry in entries if entry.is_file())
        return total

    def versions(self):
        """Versions recorded with each generation."""
        return [_read_manifest(self.manifest_path(generation.number))["versions"] for generation in self.generations()]

    @staticmethod
    def _belongs(name):
        return name in ("blocks", "tasks") or _MANIFEST.fullmatch(name) is not None or files.is_temporary(name)


def warn_about(bad, consequence):
    """Name files that are not trusted."""
    for path, fault in bad.items():
        warnings.warn(f"{path} {fault}: {consequence}", StoreWarning, stacklevel=3)


def _read_manifest(path):
    try:
        with open(path, encoding="utf-8") as file:
            record = json.load(file)
        if record["format"] != FORMAT:
            raise ValueError(f"its format is {record['format']!r}, not {FORMAT}")
        if not isinstance(record["block_size"], int) or record["block_size"] < 1:
            raise ValueError(f"its block_size is {record['block_size']!r}")
        str(record["versions"]["sigmalloc"])
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is not a readable manifest: {error}") from error
    return record


def _specification(path, record):
    try:
        return Specification.from_json(record["specification"])
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is not a readable manifest: {error}") from error
