"""The folder of a sweep: its manifests, its tasks and its blocks."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import __version__
from .._io import archive, files
from .._io.files import StoreWarning as StoreWarning
from ..runs.result import BITS, FIRST_BITS, versions
from . import problems, work
from .generations import Block, Generation, contains
from .grid import check_size, check_stored
from .specification import Specification, differences

FORMAT = 1
_MANIFEST = re.compile(r"manifest(?:-(?P<number>\d{4,}))?\.json")


class DamagedBlock(ValueError):
    """A block that cannot be read or is not what its name says.

    Attributes
    ----------
    path, fault : str
    """

    path: str
    blocks: str
    tasks: str

    def __init__(self, path: str, fault: str) -> None:
        super().__init__(f"{path} {fault}: run the sweep again, which computes it anew")
        self.path, self.fault = path, fault

    def __reduce__(self) -> tuple[type[DamagedBlock], tuple[str, str]]:  # made from two arguments, and its args are one
        return type(self), (self.path, self.fault)


class Store:
    """A folder of manifests, tasks and blocks.

    Parameters
    ----------
    path : str or Path
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.path.abspath(files.checked_path("store", path))
        self.blocks = os.path.join(self.path, "blocks")
        self.tasks = os.path.join(self.path, "tasks")

    def exists(self) -> bool:
        return files.exists(self.manifest_path(0))

    def manifest_path(self, number: int) -> str:
        return os.path.join(self.path, f"manifest-{number:04d}.json" if number else "manifest.json")

    def prepare(self) -> None:
        """Make the folder, or refuse one that holds something else; clear away what killed processes left.

        Raises
        ------
        ValueError
            If the folder is not empty and no store.
        OSError
            If the folder cannot be made or written to.
        """
        try:
            files.make_folder(self.path)
            if not self.exists():
                others = [name for name in os.listdir(self.path) if not self._belongs(name)]
                if others:
                    raise ValueError(
                        f"store {self.path} holds no sweep, but other files ({sorted(others)[0]!r}): name a new folder"
                    )
            for folder in (self.blocks, self.tasks):
                files.make_folder(folder)
            for folder in (self.path, self.blocks, self.tasks):
                files.remove_orphans(folder)
                if not os.access(folder, os.W_OK | os.X_OK):
                    raise PermissionError(13, "the folder is not writable", folder)
        except OSError as error:
            raise OSError(error.errno, f"cannot use {self.path} as a store: {error.strerror or error}") from error

    def generations(self) -> list[Generation]:
        """All generations, the first one first.

        Raises
        ------
        ValueError
            If there is no manifest, or one of them is damaged or of another format.
        """
        if not self.exists():
            raise ValueError(f"{self.path} holds no sweep: there is no manifest.json in it")
        found: list[Generation] = []
        while files.exists(path := self.manifest_path(len(found))):
            record = _read_manifest(path)
            found.append(Generation(
                len(found), _specification(path, record), record["block_size"], found[-1] if found else None
            ))  # fmt: skip
        numbers = [int(match["number"] or 0) for match in map(_MANIFEST.fullmatch, os.listdir(self.path)) if match]
        if max(numbers) > len(found):
            raise ValueError(f"{self.manifest_path(len(found))} is missing, of which later ones are left")
        return found

    def adopt(
        self, wanted: Specification, made: dict[str, problems.Problem], block_size: Callable[[int], int]
    ) -> list[Generation]:
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
            for problem in made.values():
                self._keep(problem)
            if held and (wanted.same_as(last) or wanted.n_runs == last.n_runs):
                return held
            record = {
                "format": FORMAT, "versions": versions(), "block_size": block_size(last.n_runs if held else 0),
                "specification": wanted.to_json(),
            }  # fmt: skip
            record["checksum"] = _checksum(record)
            text = json.dumps(record, indent=1, allow_nan=False)
            files.write(self.manifest_path(len(held)), text, exclusive=True)
            # Whether it is ours or that of a sweep that was faster, it is the one that counts.

    def _keep(self, problem: problems.Problem) -> None:
        """Write a task, unless it is there and whole."""
        path = os.path.join(self.tasks, problem.digest + ".npz")
        if os.path.exists(path):
            try:
                problems.load.__wrapped__(self.tasks, problem.digest)
            except ValueError:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(path)
        problems.save(self.tasks, problem)

    def check(self, wanted: Specification) -> None:
        """Raise a ValueError unless a specification is that of the store or a larger one."""
        generations = self.generations()
        held = generations[-1].specification
        made_by = _read_manifest(self.manifest_path(len(generations) - 1))["versions"]
        if made_by.get("bits", FIRST_BITS) != BITS:
            raise ValueError(
                f"store {self.path} was made by sigmalloc {made_by['sigmalloc']}, and this is {__version__}, whose "
                "runs have other bits: go on with that version, or name a new folder (open_sweep reads any)"
            )
        if wanted.same_as(held):
            return
        if wanted.keep != held.keep or not contains(wanted, held):
            reasons = differences(wanted, held) or ["cells of its grid are not among those asked for"]
            raise ValueError(
                f"store {self.path} holds another sweep: {'; '.join(reasons)}. A grid may grow (more values, more "
                "restarts) but not change: name a new folder, or read this one with open_sweep"
            )

    def survey(
        self, whole: Callable[[int], bool] = lambda number: False
    ) -> tuple[list[Generation], dict[str, Block], dict[str, str]]:
        """All generations, and which blocks are there.

        Parameters
        ----------
        whole : callable(int) -> bool
            Which blocks, counted over all generations, are read to their end to find out whether they are damaged. Of
            the others only the keys are read.

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
        done: dict[str, Block] = {}
        bad = others
        for number, block in enumerate(block for generation in generations for block in generation.blocks):
            if block.name in present:
                present.discard(block.name)
                fault = self.fault(block, whole(number))
                if fault is None:
                    done[block.name] = block
                else:
                    bad[os.path.join(self.blocks, block.name)] = fault
        for name in sorted(present):
            if not files.is_temporary(name) and not files.is_clutter(name):
                bad[os.path.join(self.blocks, name)] = "is not a block of this sweep"
        return generations, done, bad

    def fault(self, block: Block, whole: bool = False) -> str | None:
        """What is wrong with a block's file (or, without ``whole``, with its keys), or None."""
        try:
            self.read(block, work.members(block) if whole else ())
        except DamagedBlock as error:
            return error.fault
        return None

    def read(self, block: Block, names: Sequence[str]) -> list[npt.NDArray[Any]]:
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
            with archive.reading(path, "block", prefix=False) as file:
                arrays = work.read_members(file, block, ("keys", *names))
        except (ValueError, OSError) as error:
            raise DamagedBlock(path, f"is damaged ({error})") from error
        if arrays["keys"].tobytes() != np.ascontiguousarray(block.keys, dtype="<u8").tobytes():
            raise DamagedBlock(path, "holds other runs than its name says")
        return [arrays[name] for name in names]

    def has(self, block: Block) -> bool:
        return os.path.exists(os.path.join(self.blocks, block.name))

    def task(self, digest: str) -> problems.Problem:
        """The `Problem` with this digest."""
        return problems.load(self.tasks, digest)

    def bytes(self) -> int:
        """Disk that the store takes."""
        total = 0
        for folder in (self.path, self.blocks, self.tasks):
            with os.scandir(folder) as entries:
                total += sum(entry.stat().st_size for entry in entries if entry.is_file())
        return total

    def versions(self) -> list[dict[str, str]]:
        """Versions recorded with each generation."""
        return [_read_manifest(self.manifest_path(generation.number))["versions"] for generation in self.generations()]

    @staticmethod
    def _belongs(name: str) -> bool:
        return name in ("blocks", "tasks") or _MANIFEST.fullmatch(name) is not None or files.is_clutter(name)


def warn_about(bad: dict[str, str], consequence: str) -> None:
    """Name files that are not trusted."""
    for path, fault in bad.items():
        warnings.warn(f"{path} {fault}: {consequence}", StoreWarning, stacklevel=3)


def _read_manifest(path: str) -> dict[str, Any]:
    try:
        record: dict[str, Any] = json.loads(files.read(path))
        if record["format"] != FORMAT:
            raise ValueError(f"its format is {record['format']!r}, not {FORMAT}")
        if type(record["block_size"]) is not int or record["block_size"] < 1:
            raise ValueError(f"its block_size is {record['block_size']!r}")
        if not isinstance(record["versions"]["sigmalloc"], str):
            raise ValueError("it does not tell its version")
        if "checksum" in record and record["checksum"] != _checksum(record):
            raise ValueError("it was changed: its checksum differs")
    except OSError:
        raise
    except Exception as error:  # a damaged file makes its readers raise nearly anything
        raise _unreadable(path, error) from error
    return record


def _checksum(record: dict[str, Any]) -> str:
    """Hash of what decides which runs a manifest asks for and which block each is in."""
    text = json.dumps([record["block_size"], record["specification"]])
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _specification(path: str, record: dict[str, Any]) -> Specification:
    try:
        check_stored(record["specification"])
        found = Specification.from_json(record["specification"])
        check_size(found.axes, found.mode, found.restarts, len(found.checkpoints))
    except Exception as error:
        raise _unreadable(path, error) from error
    return found


def _unreadable(path: str, error: Exception) -> ValueError:
    reason = f"it lacks {error}" if isinstance(error, KeyError) else str(error) or type(error).__name__
    return ValueError(f"{path} is not a readable manifest: {reason}")
