"""The kernel's C for the systems and processors that it is not tested on: at least it compiles."""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="starts from the headers of a Linux Python"),
]
ROOT = Path(__file__).parents[1]
TARGETS = (
    "x86_64-windows-gnu", "aarch64-windows-gnu", "x86_64-macos", "aarch64-macos", "aarch64-linux-gnu",
    "x86_64-linux-musl",
)  # fmt: skip
WINDOWS_PYCONFIG = """
#include <stdint.h>
typedef int64_t Py_ssize_t;
#define HAVE_PY_SSIZE_T 1
#define PY_SSIZE_T_MAX INT64_MAX
#define MS_WINDOWS
#define MS_WIN32
#define MS_WIN64
#define NT_THREADS
#define WITH_THREAD
#define HAVE_DECLSPEC_DLL
#define HAVE_STDDEF_H 1
#define HAVE_SYS_TYPES_H 1
#define HAVE_WCHAR_H 1
#define SIZEOF_VOID_P 8
#define SIZEOF_SIZE_T 8
#define ALIGNOF_SIZE_T 8
#define SIZEOF_SHORT 2
#define SIZEOF_INT 4
#define SIZEOF_LONG 4
#define SIZEOF_LONG_LONG 8
#define SIZEOF_FLOAT 4
#define SIZEOF_DOUBLE 8
#define SIZEOF_WCHAR_T 2
#define SIZEOF_TIME_T 8
#define SIZEOF_FPOS_T 8
#define SIZEOF_PID_T 4
"""


@pytest.fixture(scope="session")
def sources(tmp_path_factory):
    """The C that Cython makes of the kernel."""
    pytest.importorskip("Cython")
    folder = tmp_path_factory.mktemp("cross") / "tree"
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(".*", "build", "*.so", "*.c", "__pycache__"))
    subprocess.run(
        [sys.executable, "setup.py", "--quiet", "build_ext", "--build-lib", folder / "lib"],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
    return sorted((folder / "src" / "sigmalloc" / "_kernel").glob("*.c"))


@pytest.mark.parametrize("target", TARGETS)
def test_kernel_compiles_for(target, sources, tmp_path):
    pytest.importorskip("ziglang")
    headers = tmp_path / "include"
    shutil.copytree(sysconfig.get_path("include"), headers)
    if "windows" in target:
        (headers / "pyconfig.h").write_text(WINDOWS_PYCONFIG)
    assert {path.stem for path in sources} >= {"baseline", "cpu"}
    for path in sources:
        if path.stem == "avx2" and not target.startswith("x86_64"):
            continue
        done = subprocess.run(
            [
                sys.executable, "-m", "ziglang", "cc", "-target", target, "-c", path, "-o", tmp_path / "kernel.o",
                "-O3", "-Wall", "-Werror", "-Wno-unused-function", "-ffp-contract=off", "-fno-math-errno",
                "-fno-trapping-math", "-DCYTHON_INLINE=inline __attribute__((always_inline, unused))",
                *(["-mavx2"] if path.stem == "avx2" else []), "-DNDEBUG",
                "-DCYTHON_LIMITED_API=1", "-DPy_LIMITED_API=0x030B0000", "-I", headers,
            ],
            env={**os.environ, "ZIG_GLOBAL_CACHE_DIR": str(tmp_path / "zig")}, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
        assert (tmp_path / "kernel.o").stat().st_size > 10_000
