"""Reading NumPy archives that anyone may have made: nothing in them is executed, and nothing is taken on trust."""

import io
import math
import zipfile
import zlib

import numpy as np

LARGEST = 64 * 2**30  # bytes that an archive may unpack to
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def load(path, names=None):
    """The arrays of an .npz file.

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
    try:
        with zipfile.ZipFile(path) as archive:
            members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            size = sum(info.file_size for info in members.values())
            if size > LARGEST:
                raise ValueError(f"it would unpack to {size} bytes")
            missing = set(names or ()) - set(members)
            if missing:
                raise ValueError(f"it has no {', '.join(sorted(missing))}")
            return {name: _array(name, archive.read(members[name])) for name in names or members}
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError) as error:
        raise ValueError(str(error)) from error


def _array(name, data):
    file = io.BytesIO(data)
    version = np.lib.format.read_magic(file)
    if version not in _HEADERS:
        raise ValueError(f"{name} has format {version}")
    shape, fortran_order, dtype = _HEADERS[version](file)
    if dtype.hasobject:
        raise ValueError(f"{name} holds objects, which are never loaded")
    if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize != len(data) - file.tell():
        raise ValueError(f"{name} does not hold an array of shape {shape}")
    flat = np.frombuffer(data, dtype, math.prod(shape), file.tell()).copy()
    return flat.reshape(shape, order="F" if fortran_order else "C")
