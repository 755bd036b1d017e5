"""The one writer: whole or not there, whatever fails, whoever else is writing, wherever it is."""

import errno
import os
import re
import stat
import subprocess
import sys
import threading
import time

import pytest
from failing import EIO, Failing, under

import sigmalloc as sm
from sigmalloc._io import archive, files

posix = pytest.mark.skipif(os.name != "posix", reason="POSIX file systems")
PIECES = (b"new " * 1000, b"content", b"!" * 5000)


def put(file):
    for piece in PIECES:
        file.write(piece)


@posix
@pytest.mark.parametrize("exclusive", [False, True])
@pytest.mark.parametrize("before", [None, b"what was committed"])
@pytest.mark.parametrize("refuse_links", [False, True])
@pytest.mark.parametrize("error", [OSError(*EIO), KeyboardInterrupt(), MemoryError()], ids=["EIO", "ctrl-c", "memory"])
def test_every_operation_may_fail(tmp_path, exclusive, before, refuse_links, error):
    """After each, the file is what it was or whole, and nothing is left beside it; a second try succeeds."""
    fail_at, seen = 0, set()
    while True:
        folder = tmp_path / str(fail_at) / "deep"
        path = folder / "file.npz"
        if before is not None:
            folder.mkdir(parents=True)
            path.write_bytes(before)
        with pytest.MonkeyPatch.context() as patch:
            failing = under(patch, Failing(fail_at, error, refuse_links))
            try:
                written = files.write(path, put, exclusive=exclusive)
            except type(error) as caught:
                seen.add(failing.done[-1])
                if isinstance(error, OSError):
                    assert caught.errno == errno.EIO and str(path) in str(caught)
                written = None
        found = path.read_bytes() if path.exists() else None
        assert found in (before, b"".join(PIECES))
        assert set(os.listdir(folder) if folder.exists() else ()) <= {"file.npz"}
        if written is not None:
            assert found == (before if before is not None and exclusive else b"".join(PIECES))
            if len(failing.done) <= fail_at:
                break
        else:
            files.write(path, put)
            assert path.read_bytes() == b"".join(PIECES)
        fail_at += 1
    wanted = {"open", "write", "fsync"} | ({"mkdir"} if before is None else set())
    if not exclusive:
        wanted |= {"replace"}
    elif before is None:
        wanted |= {"claim", "replace"} if refuse_links else set()  # a link that fails is one that is refused
    assert wanted <= seen


@posix
def test_a_disk_that_fails_for_good_leaves_what_was_there(tmp_path, monkeypatch):
    """Even the temporary file cannot be removed then; it is a temporary file by its name, and goes later."""
    path = tmp_path / "file"
    files.write(path, "good")

    class Dead(Failing):
        CHANGES = (*Failing.CHANGES, "unlink")

        def count(self, what):
            if what not in ("open", "write"):
                raise OSError(*EIO)

    under(monkeypatch, Dead(0))
    with pytest.raises(OSError, match="cannot write"):
        files.write(path, "better")
    monkeypatch.undo()
    assert path.read_text() == "good"
    (left,) = set(os.listdir(tmp_path)) - {"file"}
    assert files.is_temporary(left)


def test_text_bytes_and_functions(tmp_path):
    path = tmp_path / "a" / "b" / "file"
    files.write(path, "σ \ud800 \n")
    assert path.read_bytes() == "σ \\ud800 \n".encode()
    files.write(str(path), b"\0\1")
    assert path.read_bytes() == b"\0\1"
    files.write(path, lambda file: file.write(b"x"))
    assert files.read(path) == b"x"
    assert os.listdir(path.parent) == ["file"]


def test_longest_names(tmp_path):
    for length in (200, 250, 255):
        path = tmp_path / "folder" / ("x" * (length - 4) + ".npz")
        files.write(path, "content")
        files.write_by_name(path, lambda part: files.write(part, "other"))
        assert path.read_text() == "other"


def test_by_name(tmp_path):
    """Files and folders that libraries write themselves are exchanged as a whole."""
    for content in ("one", "two"):

        def put(part, content=content):
            assert part.endswith(".zarr") and not os.path.exists(part)
            os.mkdir(part)
            with open(os.path.join(part, content), "w"):
                pass

        files.write_by_name(tmp_path / "data.zarr", put)
    assert os.listdir(tmp_path) == ["data.zarr"] and os.listdir(tmp_path / "data.zarr") == ["two"]

    def failing(part):
        os.mkdir(part)
        raise KeyError("of the test")

    with pytest.raises(KeyError, match="of the test"):
        files.write_by_name(tmp_path / "data.zarr", failing)
    assert os.listdir(tmp_path) == ["data.zarr"] and os.listdir(tmp_path / "data.zarr") == ["two"]


@posix
def test_what_is_not_replaced(tmp_path):
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "folder", "/dev/null"):
        with pytest.raises(OSError, match=f"cannot write {path}: there is a (folder|device)"):
            files.write(path, "content")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    files.write(tmp_path / "file", "content")
    with pytest.raises(OSError, match="cannot write"):
        files.write(tmp_path / "file" / "below", "content")
    (tmp_path / "link").symlink_to(tmp_path / "folder" / "target")
    files.write(tmp_path / "link", "content")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "folder" / "target").read_text() == "content"


def test_many_threads_write_one_folder(tmp_path):
    """Such as a Zarr data set: it is one of theirs, whole, and nothing is left beside it."""
    path, failed = tmp_path / "data.zarr", []

    def put(number):
        def make(part):
            os.mkdir(part)
            for name in "ab":
                files.write(os.path.join(part, name), str(number))

        try:
            for _ in range(8):
                files.write_by_name(path, make)
        except OSError as error:
            failed.append(error)

    threads = [threading.Thread(target=put, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert len({(path / name).read_text() for name in "ab"}) == 1
    assert os.listdir(tmp_path) == ["data.zarr"] and sorted(os.listdir(path)) == ["a", "b"]


def test_many_threads_write_one_file(tmp_path):
    """Each reader sees one of the whole files."""
    path = tmp_path / "file.npz"
    contents = [bytes([number]) * 200_000 for number in range(8)]
    archive.save(path, {}, {"a": [0]})
    files.write(path, contents[0])
    over, bad = threading.Event(), []

    def write(content):
        for _ in range(20):
            files.write(path, content)

    def read():
        while not over.is_set():
            if path.read_bytes() not in contents:
                bad.append("torn")

    reader = threading.Thread(target=read)
    writers = [threading.Thread(target=write, args=(content,)) for content in contents]
    for thread in (reader, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    over.set()
    reader.join()
    assert not bad and os.listdir(tmp_path) == ["file.npz"]


class TestExclusive:
    @pytest.fixture(params=["links", "no links"])
    def links(self, request, monkeypatch):
        if request.param == "no links":

            def refused(*arguments):
                raise OSError(errno.EPERM, os.strerror(errno.EPERM))

            monkeypatch.setattr(os, "link", refused)
        return request.param

    def test_the_first_one_counts(self, tmp_path, links):
        assert files.write(tmp_path / "file", "first", exclusive=True)
        assert not files.write(tmp_path / "file", "second", exclusive=True)
        assert (tmp_path / "file").read_text() == "first" and os.listdir(tmp_path) == ["file"]

    def test_of_many_one_wins(self, tmp_path, links):
        for trial in range(20):
            path = tmp_path / str(trial)
            barrier, won = threading.Barrier(8), []

            def write(number, path=path, barrier=barrier, won=won):
                barrier.wait()
                if files.write(path, f"{number}", exclusive=True):
                    won.append(f"{number}")

            threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert won == [path.read_text()]

    def test_an_abandoned_claim(self, tmp_path, links, monkeypatch):
        """A process that was killed after claiming a name and before it could follow: the next one takes it over."""
        monkeypatch.setattr(files, "PATIENCE", 0.1)
        (tmp_path / "file").touch()
        assert not files.exists(tmp_path / "file")
        assert files.write(tmp_path / "file", "whole", exclusive=True)
        assert files.exists(tmp_path / "file") and (tmp_path / "file").read_text() == "whole"

    def test_a_claim_that_is_followed(self, tmp_path, links):
        (tmp_path / "file").touch()
        later = threading.Timer(0.2, lambda: files.write(tmp_path / "file", "theirs"))
        later.start()
        assert not files.write(tmp_path / "file", "mine", exclusive=True)
        later.join()
        assert (tmp_path / "file").read_text() == "theirs"


@posix
def test_file_systems_that_cannot_flush(tmp_path, monkeypatch):
    def refused(descriptor):
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    monkeypatch.setattr(os, "fsync", refused)
    files.write(tmp_path / "file", "content")
    assert (tmp_path / "file").read_text() == "content"


class TestOrphans:
    def names(self, host):
        return {
            "dead": f".part-{host}-999999999-0123abcd", "alive": f".stop-{host}-{os.getppid()}-0123456789abcdef.npz",
        }  # fmt: skip

    def left(self, folder, names):
        for name in names:
            (folder / name).write_bytes(b"x")
        files.remove_orphans(str(folder))
        return set(os.listdir(folder))

    def test_of_this_machine(self, tmp_path):
        names = self.names(files._HOST)
        assert self.left(tmp_path, names.values()) == ({names["alive"]} if os.name == "posix" else set(names.values()))

    def test_of_others(self, tmp_path):
        """Neither by number of process, which is another's here, nor by name of host, which containers share."""
        names = self.names("elsewhere")
        assert self.left(tmp_path, names.values()) == set(names.values())
        old = time.time() - 8 * 86400
        os.utime(tmp_path / names["dead"], (old, old))
        assert self.left(tmp_path, ()) == {names["alive"]}

    def test_ours_are_ours(self):
        name = files.temporary_name()
        assert files.is_temporary(name) and len(name) < 60
        assert len({files.temporary_name() for _ in range(100)}) == 100
        assert re.fullmatch(r"\.part-[0-9a-f]{12}-\d+-[0-9a-f]{16}", name)

    @pytest.mark.skipif(not sys.platform.startswith("linux"), reason="namespaces")
    def test_a_container_with_the_same_host_name(self, tmp_path):
        """A process in a PID namespace of its own, as in a container: it has another name for its files."""
        code = "from sigmalloc._io import files; print(files._HOST)"
        ran = subprocess.run(
            ["unshare", "--pid", "--fork", sys.executable, "-c", code], capture_output=True, text=True, timeout=60
        )
        if ran.returncode:
            pytest.skip("cannot make a namespace here")
        assert ran.stdout.strip() != files._HOST
        again = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
        assert again.stdout.strip() == files._HOST


def test_what_systems_leave_in_folders():
    for name in (".DS_Store", "Thumbs.db", "thumbs.db", ".nfs0000000001a2b3c4", "desktop.ini", "._manifest.json",
                 "lost+found", "@eaDir", ".fuse_hidden0001", ".snapshot"):  # fmt: skip
        assert files.is_clutter(name)
    for name in ("data.csv", "manifest.json", "blocks", "x.nfs"):
        assert not files.is_clutter(name)


def test_paths(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert files.checked_path("out", "~/x") == os.path.join(str(tmp_path), "x")
    files.write("~/x", "content")
    assert (tmp_path / "x").read_text() == "content"
    assert files.checked_path("out", tmp_path) == str(tmp_path)
    for bad in ("", None, 3, b"x", "a\0b", [], True):
        with pytest.raises(ValueError, match="^out must be a path"):
            files.checked_path("out", bad)
    if sys.platform.startswith("linux"):
        with pytest.raises(ValueError, match="that a file system can hold"):
            files.checked_path("out", "a\ud900b")


@posix
def test_reading_what_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path, kind in ((tmp_path / "pipe", "a pipe"), (tmp_path, "a folder"), ("/dev/zero", "a device")):
        with pytest.raises(ValueError, match=f"{path} is {kind}, not a file"):
            files.read(path)
    with pytest.raises(IsADirectoryError):
        files.read(tmp_path)
    with pytest.raises(FileNotFoundError):
        files.read(tmp_path / "nothing")


class TestReadyFolders:
    def test_made_and_cleared(self, tmp_path):
        files.make_ready(tmp_path / "a" / "b", "store")
        left = tmp_path / "a" / "b" / f".part-{files._HOST}-{2**22 + 7}-{'0' * 16}"
        left.write_bytes(b"half")
        files.make_ready(str(tmp_path / "a" / "b"), "store")
        assert list((tmp_path / "a" / "b").iterdir()) == []

    def test_what_cannot_be_written(self, tmp_path, monkeypatch):
        (tmp_path / "file").write_bytes(b"x")
        for path in (tmp_path / "file", tmp_path / "file" / "folder"):
            with pytest.raises(OSError, match=f"out: cannot write to the folder {path}: "):
                files.make_ready(path, "out")
        monkeypatch.setattr("os.access", lambda path, mode: False)
        with pytest.raises(PermissionError, match=f"out: cannot write to the folder {tmp_path}: it is not writable"):
            files.make_ready(tmp_path, "out")


@pytest.mark.parametrize("path", ["", ".", "..", "folder/", "folder/.", "folder/..", "/", "~/"])
def test_names_of_folders_are_none_of_files(tmp_path, monkeypatch, path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "folder").mkdir()
    task = sm.tasks.maze(("S.", ".G"))
    result = sm.train(task, sm.Agent(), episodes=1, restarts=1, seed=0)
    trials = sm.simulate(task, sm.Agent(), episodes=1, restarts=1, seed=0)
    for save in (result.save, trials.save, trials.to_csv, lambda path: sm.plot.save(sm.plot.figure()[0], path)):
        with pytest.raises(ValueError, match="path must be (the name of a file, not of a folder|a path)"):
            save(path)
    assert [path.name for path in tmp_path.iterdir() if path.name[0] != "." or path.suffix] == ["folder"]
