"""What is installed: the contents of the wheel, and which kernel runs on which processor."""

import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

import sigmalloc as sm
from sigmalloc import _kernel

ROOT = Path(__file__).parents[1]
STABLE_ABI = not sysconfig.get_config_var("Py_GIL_DISABLED")
X86_64 = platform.machine().lower() in ("x86_64", "amd64")
BITS = """
import sigmalloc as sm
from sigmalloc import _kernel
result = sm.train(sm.tasks.grid_world(), sm.Agent(), episodes=20, restarts=2, seed=0)
print(_kernel.NAME, _kernel.kernel.__name__, result.q.tobytes().hex(), result.sigma.tobytes().hex())
"""


def run(*command, **variables):
    done = subprocess.run(
        [sys.executable, *map(str, command)], env={**os.environ, **variables}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_forced_baseline():
    name, module, *bits = run("-c", BITS, SIGMALLOC_KERNEL="baseline").split()
    assert (name, module) == ("baseline", "sigmalloc._kernel.baseline")
    own = sm.train(sm.tasks.grid_world(), sm.Agent(), episodes=20, restarts=2, seed=0)
    assert bits == [own.q.tobytes().hex(), own.sigma.tobytes().hex()]


def test_a_kernel_that_does_not_exist():
    done = subprocess.run(
        [sys.executable, "-c", "import sigmalloc"], env={**os.environ, "SIGMALLOC_KERNEL": "avx9"},
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode != 0
    assert "SIGMALLOC_KERNEL: no kernel 'avx9' can run here; available: " in done.stderr


def test_a_processor_without_avx2_never_loads_its_kernel(monkeypatch):
    monkeypatch.setattr(_kernel.cpu, "has_avx2", lambda: False)
    assert _kernel.available() == ("baseline",)
    with pytest.raises(ValueError, match="no kernel 'avx2' can run here; available: 'baseline'"):
        _kernel.load("avx2")
    assert _kernel.load("baseline").__name__ == "sigmalloc._kernel.baseline"


def test_import_without_avx2_leaves_its_kernel_alone():
    code = """
import sys, types
cpu = types.ModuleType("sigmalloc._kernel.cpu")
cpu.has_avx2 = lambda: False
sys.modules[cpu.__name__] = cpu
import sigmalloc._kernel as kernel
assert kernel.NAME == "baseline" and "sigmalloc._kernel.avx2" not in sys.modules
"""
    environment = {name: value for name, value in os.environ.items() if name != "SIGMALLOC_KERNEL"}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("qemu-x86_64") is None, reason="needs qemu-x86_64")
@pytest.mark.skipif(not X86_64, reason="emulates an older processor of the same kind")
def test_a_processor_without_avx2():
    """A real one, emulated: it trains with the baseline, to the same bits, and the other build would kill it."""
    emulated = ("qemu-x86_64", "-cpu", "Nehalem", sys.executable, "-c")
    # Either variable would name a kernel (ours, or OpenBLAS's) for the processor that is not there.
    forcing = {"SIGMALLOC_KERNEL", "OPENBLAS_CORETYPE"}
    environment = {name: value for name, value in os.environ.items() if name not in forcing}
    done = subprocess.run([*emulated, BITS], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    name, module, *bits = done.stdout.split()
    assert (name, module) == ("baseline", "sigmalloc._kernel.baseline")
    own = sm.train(sm.tasks.grid_world(), sm.Agent(), episodes=20, restarts=2, seed=0)
    assert bits == [own.q.tobytes().hex(), own.sigma.tobytes().hex()]
    forced = """
import sigmalloc as sm
from sigmalloc import _kernel
from sigmalloc._kernel import avx2
_kernel.kernel = avx2
sm.train(sm.tasks.grid_world(), sm.Agent(), episodes=20, restarts=2, seed=0)
"""
    done = subprocess.run([*emulated, forced], env=environment, capture_output=True, text=True)
    assert "Illegal instruction" in done.stderr


def test_sources_say_which_versions():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["requires-python"] == ">=3.11"
    assert f"## {sm.__version__}\n" in (ROOT / "docs" / "changelog.md").read_text(encoding="utf-8")


def test_the_conda_recipe_needs_what_the_package_needs():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    recipe = (ROOT / ".github" / "conda-forge" / "recipe.yaml").read_text(encoding="utf-8")
    listed = {
        part: set(re.findall(r"^    - (\S+ >=\S+)$", body, re.MULTILINE))
        for part, body in re.findall(r"^  (host|run):\n((?:    .*\n)+)", recipe, re.MULTILINE)
    }
    wanted = {part.replace(">=", " >=").lower() for part in project["project"]["dependencies"]}
    assert {part.replace("matplotlib-base", "matplotlib") for part in listed["run"]} == wanted
    assert listed["host"] == {part.replace(">=", " >=").lower() for part in project["build-system"]["requires"]}
    assert f'version: "{sm.__version__}"' in recipe
    assert f"sigmalloc = {project['project']['scripts']['sigmalloc']}" in recipe


@pytest.fixture(scope="session")  # tests of this file are not run one after the other
def dist(tmp_path_factory):
    """The sdist, and the wheel that is built from it in an environment of its own: in $SIGMALLOC_DIST, or made here."""
    if "SIGMALLOC_DIST" in os.environ:
        return Path(os.environ["SIGMALLOC_DIST"])
    pytest.importorskip("build")
    folder = tmp_path_factory.mktemp("dist")
    tree = tmp_path_factory.mktemp("tree") / "sigmalloc"
    shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns(".*", "build", "dist", "*.egg-info", "__pycache__"))
    run("-m", "build", "--outdir", folder, tree)
    return folder


@pytest.fixture(scope="session")
def wheel(dist):
    (path,) = dist.glob("*.whl")
    return path


@pytest.mark.slow
def test_sdist_has_the_sources_and_nothing_that_was_built(dist):
    (path,) = dist.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    for folder, pattern in (("src/sigmalloc", "*.p[yx]*"), ("tests", "*.py"), ("docs", "*.md")):
        expected = {file.relative_to(ROOT).as_posix() for file in (ROOT / folder).rglob(pattern)}
        built = (
            "__pycache__",
            "_build",
            "docs/gallery/",
        )  # the last one's pages, whenever another test builds the site
        expected = {name for name in expected if not any(part in name for part in built)}
        assert expected and expected <= names
    assert {"LICENSE", "README.md", "pyproject.toml", "setup.py"} <= names
    assert not [name for name in names if name.endswith((".c", ".so", ".pyd", ".pyc"))]
    assert not [name for name in names if name.startswith("docs/gallery/") and name.endswith(".md")]


@pytest.mark.slow
def test_wheel_has_what_is_needed_and_no_sources(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert not [name for name in names if name.endswith((".c", ".h", ".pyx", ".pxd", ".pxi", ".pyc"))]
    assert all(name.startswith(("sigmalloc/", f"sigmalloc-{sm.__version__}.dist-info/")) for name in names)
    assert "sigmalloc/py.typed" in names
    compiled = {Path(name).name.partition(".")[0] for name in names if name.endswith((".so", ".pyd"))}
    assert compiled == {"cpu", *(_kernel.BUILDS if X86_64 else ("baseline",))}
    assert {f"sigmalloc/_kernel/{name}.pyi" for name in ("cpu", *_kernel.BUILDS)} <= set(names)
    packages = {
        file.parent.relative_to(ROOT / "src").as_posix() for file in (ROOT / "src" / "sigmalloc").rglob("__init__.py")
    }
    assert {f"{package}/__init__.py" for package in packages} <= set(names)


@pytest.mark.slow
@pytest.mark.skipif(not STABLE_ABI, reason="free-threaded Python has no stable ABI")
def test_wheel_is_for_every_later_python(wheel):
    assert wheel.name.startswith(f"sigmalloc-{sm.__version__}-cp311-abi3-")
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if name.endswith(".so"):
                assert name.endswith(".abi3.so")


@pytest.mark.slow
@pytest.mark.skipif(not STABLE_ABI, reason="free-threaded Python has no stable ABI")
def test_wheel_uses_the_stable_abi_only(wheel):
    pytest.importorskip("abi3audit")
    run("-m", "abi3audit", "--strict", wheel)


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="auditwheel is for Linux")
def test_wheel_needs_nothing_that_a_linux_may_lack(wheel):
    pytest.importorskip("auditwheel")
    assert re.search(r'platform tag: "manylinux_2_\d+_', run("-m", "auditwheel", "show", wheel))


@pytest.mark.slow
def test_wheel_contents(wheel):
    pytest.importorskip("check_wheel_contents")
    run("-m", "check_wheel_contents", wheel)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("platform", "arch", "suffixes"),
    [
        ("linux", "x86_64", ("manylinux_x86_64", "musllinux_x86_64")),
        ("linux", "aarch64", ("manylinux_aarch64", "musllinux_aarch64")),
        ("macos", "x86_64", ("macosx_x86_64",)),
        ("macos", "arm64", ("macosx_arm64",)),
        ("windows", "AMD64", ("win_amd64",)),
    ],
)
def test_wheels_of_a_release(platform, arch, suffixes):
    """Those of the release workflow: the stable ABI's, which 3.14 is only tested with, and the free-threaded one."""
    pytest.importorskip("cibuildwheel")
    workflow = (ROOT / ".github" / "workflows" / "release.yml").read_text(encoding="utf-8")
    assert f"archs: {arch} }}" in workflow
    printed = run("-m", "cibuildwheel", "--print-build-identifiers", "--platform", platform, "--archs", arch, ROOT)
    expected = {f"{python}-{suffix}" for python in ("cp311", "cp314", "cp314t") for suffix in suffixes}
    assert set(printed.split()) == expected


@pytest.mark.slow
def test_metadata(dist):
    pytest.importorskip("twine")
    run("-m", "twine", "check", "--strict", *sorted(dist.iterdir()))
