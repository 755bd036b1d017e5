"""The package's archives: arrays and facts in one NumPy .npz file, which anyone may have made or damaged.

Nothing in a file is executed and nothing is taken on trust. What an array is (shape and type) is known from its header
and checked before memory is taken for it; what it holds is checked by the archive's own CRC and by a hash of each array
(in the comment of its member, where `numpy.load` does not see it), which files of the first versions do not have.
Whatever is wrong with a file is one `ValueError` that names it.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import io
import json
import math
import os
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import IO, Any, BinaryIO

import numpy as np
import numpy.typing as npt

from . import files

LARGEST = 64 * 2**30  # bytes that an archive may unpack to
LONGEST = 2**30  # bytes that facts may unpack to
FACTS = "facts"
_MARK = b"sigmalloc: the comment of each member is a BLAKE2b of its array"
_HEADERS = {  # what reads it, and the bytes that its length takes
    (1, 0): (np.lib.format.read_array_header_1_0, 2),
    (2, 0): (np.lib.format.read_array_header_2_0, 4),
}
_LONGEST_HEADER = 10_000  # NumPy's own limit
# A header as NumPy writes it. NumPy reads it with Python's parser, which fails now and then where several threads use
# it at once (CPython's issue 106905).
_PLAIN = re.compile(
    rb"\{'descr': '([<>|=]?[?A-Za-z][0-9]*)', 'fortran_order': (True|False), 'shape': "
    rb"\(((?:[0-9]+, )*[0-9]+|[0-9]+,|)\), \} *\n"
)
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_KINDS = "biufcSU"
_PIECE = 2**24  # bytes


def save(
    path: str | os.PathLike[str],
    facts: Mapping[str, Any] | None,
    arrays: Mapping[str, npt.ArrayLike],
    *,
    compress: bool = True,
    runs: Mapping[str, tuple[int, Iterable[bytes]]] | None = None,
) -> None:
    """Write an archive, complete or not at all.

    Parameters
    ----------
    path : str or Path
    facts : dict or None
        What JSON can hold, written as text under the name "facts"; None: there are none.
    arrays : dict of {str: array}
        Of numbers, booleans or text.
    compress : bool
    runs : dict of {str: (int, iterable of bytes)}, optional
        Arrays of bytes that need not be in memory: how many bytes, and these piece by piece. They are stored as they
        are, so that a part can be read from its place in the file, see `Archive.place`.

    Raises
    ------
    ValueError
        If an array holds objects, or is masked.
    OSError
        If it cannot be written.
    """
    members = {name: _checked(name, array) for name, array in arrays.items()}
    if facts is not None:
        if FACTS in members:
            raise ValueError(f"an array cannot be named {FACTS!r}")
        members = {FACTS: np.array(json.dumps(facts))} | members
    sums = {name: _sum(array) for name, array in members.items()}
    method = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED

    def put_all(file: BinaryIO) -> None:
        # as NumPy's savez, which before 2.0 leaves its ZipFile open where the disk fails
        with zipfile.ZipFile(file, "w", method) as archive:
            for name, array in members.items():
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, array, allow_pickle=False)
            for info in archive.infolist():
                info.comment = sums[info.filename.removesuffix(".npy")]
            for name, (size, pieces) in (runs or {}).items():
                _put_run(archive, name, size, pieces)
            archive.comment = _MARK

    files.write(path, put_all)


def load(path: str | os.PathLike[str], names: Sequence[str] | None = None) -> dict[str, npt.NDArray[Any]]:
    """Arrays of an archive; its facts are among them, as text.

    Parameters
    ----------
    path : str or Path
    names : sequence of str, optional
        Which of them; the default is all.

    Returns
    -------
    dict of array

    Raises
    ------
    OSError
        If the file cannot be opened.
    ValueError
        If it is not an archive of arrays of numbers or text, is damaged, lacks one of the names, promises more than it
        holds, or would unpack to more than 64 GiB.
    """
    with reading(path, "archive of arrays", prefix=False) as archive:
        return {name: archive.array(name) for name in (archive.names if names is None else names)}


def load_npy(path: str | os.PathLike[str]) -> npt.NDArray[Any]:
    """The one array of a NumPy .npy file.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it is not an array of numbers or text, or holds more or less than its header says.
    """
    content = files.read(path)
    stream = io.BytesIO(content)
    try:
        shape, fortran_order, dtype = _header("it", stream, len(content))
        flat = np.frombuffer(content, dtype, offset=stream.tell()) if math.prod(shape) else np.empty(0, dtype)
    except Exception as error:  # a damaged header makes its reader raise nearly anything
        raise ValueError(f"{path} is not a readable .npy file: {error or type(error).__name__}") from error
    return flat.astype(dtype.newbyteorder("=")).reshape(shape, order="F" if fortran_order else "C")


@contextlib.contextmanager
def reading(path: str | os.PathLike[str], what: str = "archive", *, prefix: bool = True) -> Iterator[Archive]:
    """An open `Archive`; every error in the block (but not one of the disk) is a ValueError that names the file.

    ::

        with archive.reading(path, "result") as file:
            states = file.facts["states"]
            q = file.array("q", "f", (None, states))

    Parameters
    ----------
    path : str or Path
    what : str
        What the file should be, for the message.

    Yields
    ------
    Archive

    Raises
    ------
    OSError
        If the file cannot be opened, or the disk fails.
    ValueError
        "PATH is not a readable WHAT: ...".
    """
    try:
        files.check_is_file(path)
        with zipfile.ZipFile(path) as opened:
            yield Archive(opened)
    except files.NotAFile:
        raise
    except Exception as error:  # a damaged file makes its readers raise nearly anything
        if isinstance(error, OSError) and error.errno not in (None, 22):  # 22: asked for a place that cannot be
            raise
        reason = f"it lacks {error}" if isinstance(error, KeyError) else str(error) or type(error).__name__
        raise ValueError(f"{path} is not a readable {what}: {reason}" if prefix else reason) from error


class Archive:
    """An archive that is open for reading, see `reading`.

    Attributes
    ----------
    names : list of str
        Of its arrays, in order; the facts are among them.
    """

    def __init__(self, opened: zipfile.ZipFile) -> None:
        self._opened = opened
        members = opened.infolist()
        self._members = {info.filename.removesuffix(".npy"): info for info in members}
        if len(self._members) != len(members):
            raise ValueError("it has two members of one name")
        size = sum(info.file_size for info in members)
        if size > LARGEST:
            raise ValueError(f"it would unpack to {size} bytes")
        self._summed = opened.comment == _MARK or any(info.comment for info in members)
        if self._summed and opened.comment != _MARK:
            raise ValueError("it ends too early, or its end was changed")
        self.names = list(self._members)

    @functools.cached_property
    def facts(self) -> dict[str, Any]:
        """The facts, a dict."""
        return _parsed(self.array(FACTS, "U", ()))

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of an array, as its header has it: nothing is unpacked.

        Raises
        ------
        ValueError
            If it is not there, or its header is not that of an array that the archive can hold.
        """
        with self._open(name) as stream:
            return _header(name, stream, self._members[name].file_size)[0]

    def array(self, name: str, kinds: str = _KINDS, shape: tuple[int | None, ...] | None = None) -> npt.NDArray[Any]:
        """An array, checked.

        Parameters
        ----------
        name : str
        kinds : str
            Kinds of dtype that are allowed, such as "f" or "iu".
        shape : tuple of (int or None), optional
            What the shape has to be, None for any length. It is compared with the header.

        Raises
        ------
        ValueError
            If it is not there, is something else, or is damaged.
        """
        array = self._read(name, kinds, shape)
        if self._summed and self._members[name].comment != _sum(array):
            raise ValueError(f"{name} is not what was saved: its checksum differs")
        return array

    def place(self, name: str) -> int:
        """Where in the file the first byte of a run is.

        Raises
        ------
        ValueError
            If it is not there, or is packed.
        """
        with self._open(name) as stream:
            _header(name, stream, self._members[name].file_size)
            behind = stream.tell()
        info = self._members[name]
        if info.compress_type != zipfile.ZIP_STORED or self._opened.fp is None:
            raise ValueError(f"{name} is packed")
        self._opened.fp.seek(info.header_offset + 26)  # the lengths of the member's name and of what is beside it
        name_length, extra = np.frombuffer(self._opened.fp.read(4), "<u2").tolist()
        return info.header_offset + 30 + int(name_length) + int(extra) + behind

    def _open(self, name: str) -> IO[bytes]:
        info = self._members.get(name)
        if info is None:
            raise ValueError(f"it has no {name}")
        if info.compress_type not in _METHODS or info.flag_bits & 1:
            raise ValueError(f"{name} is packed in a way that this package does not write")
        return self._opened.open(info)

    def _read(self, name: str, kinds: str, shape: tuple[int | None, ...] | None) -> npt.NDArray[Any]:
        with self._open(name) as stream:
            found, fortran_order, dtype = _header(name, stream, self._members[name].file_size)
            if dtype.kind not in kinds:
                raise ValueError(f"{name} holds {dtype}")
            if name == FACTS and dtype.itemsize > LONGEST:
                raise ValueError(f"{name} would unpack to {dtype.itemsize} bytes")
            if shape is not None and not _fits(found, shape):
                wanted = ", ".join("any" if length is None else str(length) for length in shape)
                raise ValueError(f"{name} has shape {found}, not ({wanted})")
            flat = np.empty(math.prod(found), dtype)
            room = memoryview(flat.view(np.uint8).data) if flat.nbytes else memoryview(b"")
            filled = 0
            while filled < len(room):
                piece = stream.read(min(_PIECE, len(room) - filled))
                if not piece:
                    raise ValueError(f"{name} ends too early")
                room[filled : filled + len(piece)] = piece
                filled += len(piece)
            if stream.read(1):  # at the end the archive's own sum is checked
                raise ValueError(f"{name} does not hold an array of shape {found}")
        if not dtype.isnative:
            flat = flat.astype(dtype.newbyteorder("="))
        return flat.reshape(found, order="F" if fortran_order else "C")


def _put_run(archive: zipfile.ZipFile, name: str, size: int, pieces: Iterable[bytes]) -> None:
    info = zipfile.ZipInfo(f"{name}.npy")
    hashed = _hash_of("|u1", (size,))
    left = size
    with archive.open(info, "w", force_zip64=True) as stream:
        np.lib.format.write_array_header_1_0(stream, {"descr": "|u1", "fortran_order": False, "shape": (size,)})
        for piece in pieces:
            stream.write(piece)
            hashed.update(piece)
            left -= len(piece)
    if left:
        raise ValueError(f"{name} was to have {size} bytes, got {size - left}")
    info.comment = hashed.hexdigest().encode()


def _header(name: str, stream: IO[bytes], size: int) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, order and type of an array of ``size`` bytes, header included."""
    version = np.lib.format.read_magic(stream)
    if version not in _HEADERS:
        raise ValueError(f"{name} has format {version}")
    reader, bytes_of_length = _HEADERS[version]
    promised = stream.read(bytes_of_length)
    length = int.from_bytes(promised, "little")
    if length > _LONGEST_HEADER:
        raise ValueError(f"{name} has a header of {length} bytes")
    header = stream.read(length)
    if plain := _PLAIN.fullmatch(header):
        kind, order, lengths = plain.groups()
        dtype, fortran_order = np.dtype(kind.decode()), order == b"True"
        shape = tuple(int(digits) for digits in lengths.split(b",") if digits.strip())
    else:
        shape, fortran_order, dtype = reader(io.BytesIO(promised + header))
    if dtype.hasobject:
        raise ValueError(f"{name} holds objects, which are never loaded")
    if dtype.kind not in _KINDS or dtype.names is not None or not dtype.itemsize:
        raise ValueError(f"{name} holds {dtype}, and not numbers or text")
    if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize != size - stream.tell():
        raise ValueError(f"{name} does not hold an array of shape {shape}")
    return shape, fortran_order, dtype


def _fits(shape: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
    return len(shape) == len(wanted) and all(length in (None, has) for has, length in zip(shape, wanted, strict=True))


def _checked(name: str, array: npt.ArrayLike) -> npt.NDArray[Any]:
    if isinstance(array, np.ma.MaskedArray):
        raise ValueError(f"{name} is a masked array, whose mask would be lost")
    array = np.asarray(array)
    if array.dtype.kind not in _KINDS:
        raise ValueError(f"{name} must hold numbers or text, not {array.dtype}")
    return array


def _sum(array: npt.NDArray[Any]) -> bytes:
    """Hash of shape, type and content, the same on every machine."""
    little = array.dtype.newbyteorder("<")
    hashed = _hash_of(little.str, array.shape)
    flat = np.ascontiguousarray(array, dtype=little).reshape(-1)
    if flat.size:
        hashed.update(flat.view(np.uint8).data)
    return hashed.hexdigest().encode()


def _hash_of(kind: str, shape: tuple[int, ...]) -> hashlib.blake2b:
    return hashlib.blake2b(f"{kind}{shape}".encode(), digest_size=8)


def _parsed(text: npt.NDArray[Any]) -> dict[str, Any]:
    found = json.loads(str(text))
    if not isinstance(found, dict):
        raise ValueError("its facts are not a table")
    return found
