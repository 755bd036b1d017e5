"""Compiled modules: one kernel source built for each instruction set, and the choice between them."""

import os
import pathlib
import platform
import subprocess
import sys
import sysconfig

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

# One stable-ABI wheel serves every Python from 3.11 on; free-threaded builds have no stable ABI.
STABLE_ABI = not sysconfig.get_config_var("Py_GIL_DISABLED") and platform.python_implementation() == "CPython"
MACROS = [("CYTHON_LIMITED_API", "1"), ("Py_LIMITED_API", "0x030B0000")] if STABLE_ABI else []
X86_64 = platform.machine().lower() in ("x86_64", "amd64") and sys.maxsize > 2**32

# Same bits everywhere: no fused multiply-add. Vector instructions: no errno, no trapping arithmetic.
UNIX = ["-O3", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math"]
# For GCC, the recall is kept out of the large loop around it, where it would give up on it. The parameters keep it from
# unrolling the loops over lanes before it vectorises them, let it unroll them afterwards, and let it inline the recall
# for each number of actions. Scheduling before registers are given out mixes operations that do not wait for others.
# A loop over lanes that only sets or copies must not become a call or narrow moves, which the loads after it wait for.
# What is declared inline is inlined, however much that is for all numbers of actions and layouts together, and nothing
# else: which loops are made for constants is for the source to say.
GCC = [
    "-fno-inline-functions-called-once",
    "--param=max-completely-peel-times=4",
    "--param=max-completely-peeled-insns=8000",
    "--param=max-inline-insns-single=4000",
    "--param=inline-unit-growth=400", "-fno-inline-functions", "-fno-inline-small-functions",
    "-fno-partial-inlining",
    "-fschedule-insns", "-fsched-pressure", "-fno-tree-loop-distribute-patterns",
]  # fmt: skip
# Clang makes no copy of a function for a number of actions unless it is inlined where the number is a constant; what
# is merely `inline` it leaves apart: loops over actions were not unrolled, which took half as long again.
CLANG = ["-DCYTHON_INLINE=inline __attribute__((always_inline, unused))"]
MSVC = ["/O2", "/fp:precise"]

# Given here because a module's own directives do not reach the inline functions of the .pxd files: a check for division
# by zero is a branch, and a branch costs the vector instructions of the loop around it.
DIRECTIVES = {
    "language_level": 3, "boundscheck": False, "wraparound": False, "initializedcheck": False, "cdivision": True,
    "freethreading_compatible": True,
}  # fmt: skip
AVX2 = {"unix": ["-mavx2"], "msvc": ["/arch:AVX2"]}

# SIGMALLOC_BUILD=debug, sanitize or threads builds a kernel that looks for mistakes, as .ci/sanitize does; slow, not
# for use.
BUILDS = {
    "release": [],
    "sanitize": [
        "-O1",
        "-g",
        "-UNDEBUG",
        "-fno-omit-frame-pointer",
        "-fsanitize=address,undefined",
        "-fno-sanitize-recover=all",
    ],
    "threads": ["-O1", "-g", "-fno-omit-frame-pointer", "-fsanitize=thread"],
    "debug": ["-O1", "-g", "-UNDEBUG"],
}
BUILD = os.environ.get("SIGMALLOC_BUILD", "release")
if BUILD not in BUILDS:
    raise SystemExit(f"SIGMALLOC_BUILD must be one of {', '.join(BUILDS)}, got {BUILD!r}")
if BUILD in ("debug", "sanitize"):
    DIRECTIVES |= {"boundscheck": True, "initializedcheck": True}


CONTINUOUS = '''"""Continuous tasks by number. Made by setup.py of the files in dynamics/: one file a task."""

from .lanes cimport Bodies, Streams, in_
{imports}

cdef enum:
    CERTAIN = 0  # a table with one outcome for each state and action
    UNCERTAIN = 1  # a table with several
{numbers}


cdef inline int number_of(str name) except -1:
{names}
    raise ValueError(f"the kernel has no dynamics {{name!r}}")


cdef inline void move_all(int dynamics, Bodies* bodies, in_ choice) noexcept nogil:
{moves}


cdef inline void commit(int dynamics, Bodies* bodies, int which) noexcept nogil:
{commits}


cdef inline bint has_ended(int dynamics, const Bodies* bodies, int which) noexcept nogil:
{ends}
    return True


cdef inline double reward_there(int dynamics, const Bodies* bodies, int which) noexcept nogil:
{rewards}
    return 0.0


cdef inline Py_ssize_t start_of(int dynamics, Bodies* bodies, Streams* streams, int which, int option) noexcept nogil:
{starts}
    return 0
'''


def write_continuous(folder):
    """The kernel's list of continuous tasks, from the files that there are."""
    names = sorted(path.stem for path in (folder / "dynamics").glob("*.pxd") if path.stem != "__init__")

    def each(line):
        return "\n".join(line.format(name=name, upper=name.upper()) for name in names)

    branch = "    if dynamics == {upper}:\n        "
    text = CONTINUOUS.format(
        imports=each("from .dynamics cimport {name} as _{name}"),
        numbers="\n".join(f"    {name.upper()} = {number}" for number, name in enumerate(names, start=2)),
        names=each('    if name == "{name}":\n        return {upper}'),
        moves=each(branch + "_{name}.move_all(bodies, choice)"),
        commits=each(branch + "_{name}.move_one(bodies, which)"),
        ends=each(branch + "return _{name}.ended(bodies, which)"),
        rewards=each(branch + "return _{name}.reward(bodies, which)"),
        starts=each(branch + "return _{name}.start(bodies, streams, which, option)"),
    )
    path = folder / "continuous.pxd"
    if not path.exists() or path.read_text(encoding="utf-8") != text:  # Cython goes by the time of a file
        path.write_text(text, encoding="utf-8")


def own_flags(command):
    """Flags of one compiler, which goes by what it says of itself: all pretend in name to be others."""
    said = subprocess.run([*command[:1], "--version"], capture_output=True, text=True, check=False).stdout
    return GCC if "Free Software Foundation" in said else CLANG if "clang" in said else []


class BuildExt(build_ext):
    def build_extensions(self):
        kind = "msvc" if self.compiler.compiler_type == "msvc" else "unix"
        flags = MSVC if kind == "msvc" else [*UNIX, *own_flags(self.compiler.compiler_so)]
        for extension in self.extensions:
            extension.extra_compile_args = [*flags, *extension.extra_compile_args, *BUILDS[BUILD]]
            extension.extra_link_args += [flag for flag in BUILDS[BUILD] if flag.startswith("-fsanitize")]
            if extension.name.endswith(".avx2"):
                extension.extra_compile_args += AVX2[kind]
        self.parallel = self.parallel or os.cpu_count()  # each takes the better part of a minute
        super().build_extensions()


def extension(name):
    return Extension(
        f"sigmalloc._kernel.{name}",
        [f"src/sigmalloc/_kernel/{name}.pyx"],
        define_macros=MACROS,
        py_limited_api=STABLE_ABI,
    )


write_continuous(pathlib.Path(__file__).parent / "src" / "sigmalloc" / "_kernel")
setup(
    ext_modules=cythonize(
        [extension(name) for name in ("cpu", "baseline", *(["avx2"] if X86_64 else []))],
        compiler_directives=DIRECTIVES,
    ),
    cmdclass={"build_ext": BuildExt},
    options={"bdist_wheel": {"py_limited_api": "cp311"}} if STABLE_ABI else {},
)
