"""What goes to terminals: any text on any of them, and progress that never disturbs what it tells of."""

import contextlib
import io
import os
import subprocess
import sys
import threading
import time

import our_threads
import pytest

import sigmalloc as sm
from sigmalloc import cli
from sigmalloc._io import terminal
from sigmalloc._io.progress import Portion, Progress, Silence, shown
from sigmalloc._threads import Threads

SMALL = ("--episodes", "4", "--restarts", "1", "--evaluation-episodes", "2", "--no-figures")
STUDY = """
seed = 0
restarts = 1
episodes = 4
evaluate_every = 2
evaluation_episodes = 2
[task]
name = "planning"
[grid]
lam = [1.0]
"""
posix = pytest.mark.skipif(os.name != "posix", reason="POSIX shells")


def sigmalloc(*arguments, encoding="utf-8", shell=None, check=True, **environment):
    """The command in a process of its own, with a terminal of some encoding."""
    command = [sys.executable, "-m", "sigmalloc", *map(str, arguments)]
    if shell is not None:
        command = ["sh", "-c", f'exec "$@" {shell}', "sh", *command]
    done = subprocess.run(
        command, capture_output=True, timeout=120,
        env={**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0", "PYTHONUNBUFFERED": "", **environment},
    )  # fmt: skip
    text = done.stdout.decode(encoding), done.stderr.decode(encoding)
    if check:
        assert done.returncode == 0, text
    return done.returncode, *text


class TestText:
    @pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "cp437", "utf-8"])
    def test_every_character_is_spelled(self, encoding):
        text = "q̄ and σ₀ ≤ 3 − ½ × “é” … ─ Müller 图 \U0001f600"
        found = terminal.spelled(text, encoding)
        assert found == text if encoding == "utf-8" else "and" in found
        found.encode(encoding)
        assert terminal.spelled("q̄ ± σ₀ ≤ 3", "ascii") == "q +- sigma0 <= 3"
        assert terminal.spelled("né ×", "latin-1") == "né ×"

    @pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
    @pytest.mark.parametrize("words", [
        ("--help",), ("run", "--help"), ("reproduce", "--help"), ("sweep", "--help"), ("status", "--help"),
        ("export", "--help"), ("plot", "--help"),
    ])  # fmt: skip
    def test_help(self, encoding, words, monkeypatch):
        stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
        monkeypatch.setattr(sys, "stdout", stream)
        with pytest.raises(SystemExit) as end:
            cli.main(list(words))
        assert end.value.code == 0 and b"usage: sigmalloc" in stream.buffer.getvalue()

    def test_help_in_a_process_of_its_own(self):
        assert "--sigma-0" in sigmalloc("run", "--help", encoding="ascii")[1]

    @pytest.mark.slow
    @pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
    def test_commands(self, encoding, tmp_path):
        _, out, err = sigmalloc("run", "planning", *SMALL, "--gap", "--out", tmp_path / "out", encoding=encoding)
        assert "mean" in out and "result.npz" in out and err == ""
        (tmp_path / "study.toml").write_text(STUDY)
        sigmalloc("sweep", tmp_path / "study.toml", "--store", tmp_path / "σ" / "store", encoding=encoding)
        assert "store" in sigmalloc("status", tmp_path / "σ" / "store", encoding=encoding)[1]
        status, out, err = sigmalloc("status", tmp_path / "σ", encoding=encoding, check=False)
        assert status == 2 and out == "" and "holds no sweep" in err

    def test_streams_are_as_they_were(self):
        stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="strict")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "stdout", stream)
            patch.setattr(sys, "stderr", None)
            with terminal.any_text():
                print("σ × q̄")
                print("unheard", file=sys.stderr)
            assert sys.stdout is stream and stream.errors == "strict" and sys.stderr is None
            stream.flush()
        assert stream.buffer.getvalue().split() == [b"sigma", b"x", b"q"]

    def test_for_files_and_figures(self):
        assert terminal.printable("a\0b\ud800c\x1b[0m σ\n") == "a\\x00b\\ud800c\\x1b[0m σ\n"
        assert [terminal.cell(value) for value in ("=1+1", "-x", "@x", "+x", "'x", "x=", -1.5, None, True)] == [
            "'=1+1", "'-x", "'@x", "'+x", "''x", "x=", -1.5, None, True,
        ]  # fmt: skip
        assert terminal.label("$\\frac$\n\0") == "\\$\\frac\\$ \\x00"


class TestStreams:
    @posix
    @pytest.mark.parametrize(
        "shell",
        ["2>&-", *(pytest.param(shell, marks=pytest.mark.slow) for shell in ("2>/dev/full", "2>&- </dev/null"))],
    )
    def test_without_standard_error(self, tmp_path, shell):
        """Nothing that is meant for standard error is printed elsewhere."""
        if "full" in shell and not os.path.exists("/dev/full"):
            pytest.skip("no /dev/full")
        _, out, _ = sigmalloc("run", "planning", *SMALL, "--json", "--out", tmp_path / "out", shell=shell)
        assert out.startswith("{") and out.endswith("}\n")
        (tmp_path / "study.toml").write_text(STUDY)
        _, out, _ = sigmalloc("sweep", tmp_path / "study.toml", "--store", tmp_path / "s", "--json", shell=shell)
        assert out.startswith("{") and out.count("\n") == 1
        status, out, _ = sigmalloc("run", "chess", shell=shell, check=False)
        assert status == 2 and out == ""

    @posix
    def test_without_standard_output(self, tmp_path):
        sigmalloc("run", "planning", *SMALL, "--out", tmp_path / "out", shell=">&-")
        assert (tmp_path / "out" / "result.npz").exists()
        if os.path.exists("/dev/full"):
            status, _, err = sigmalloc("--version", shell=">/dev/full", check=False)
            assert status == 2 and "No space left" in err and "Traceback" not in err
            status, _, err = sigmalloc("run", "planning", *SMALL, "--out", tmp_path, shell=">/dev/full", check=False)
            assert status == 2 and "No space left" in err and "Traceback" not in err
            assert (tmp_path / "result.npz").exists()

    @pytest.mark.parametrize("backend", [
        "module://matplotlib_inline.backend_inline",
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("nonsense", "module://x.y", "TkAgg", "")),
    ])  # fmt: skip
    def test_backends_that_notebooks_export(self, tmp_path, backend):
        assert sm.__version__ in sigmalloc("--version", MPLBACKEND=backend)[1]
        words = ("run", "planning", *SMALL[:-1], "--out", tmp_path / "out")
        sigmalloc(*words, MPLBACKEND=backend, DISPLAY="")
        assert (tmp_path / "out" / "objective.png").exists()


@pytest.mark.parametrize("bounds", [("-1e-3", "1e-3"), ("-1", "1"), ("-.5", "-0.25"), ("-1E+2", "-5.e1"), ("-3e-2",)])
def test_negative_numbers(bounds, tmp_path):
    assert cli.main(["run", "planning", "--q-init", *bounds, *SMALL, "--out", str(tmp_path)]) == 0
    wanted = tuple(map(float, bounds))
    assert sm.Result.load(tmp_path / "result.npz").agent.q_init == (wanted if len(wanted) == 2 else wanted[0])


@pytest.mark.parametrize("bound", ["-nan", "-inf", "-Infinity", "-1e", "-x"])
def test_what_is_no_number(bound, tmp_path, capsys):
    try:
        status = cli.main(["run", "planning", "--q-init", bound, *SMALL, "--out", str(tmp_path / "out")])
    except SystemExit as end:
        status = end.code
    assert status == 2 and "q" in capsys.readouterr().err and not (tmp_path / "out").exists()


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Broken(Terminal):
    def write(self, text):
        raise BrokenPipeError(32, "Broken pipe")


class TestProgress:
    def test_what_is_asked_for(self):
        told = []
        with shown(lambda done, total: told.append((done, total)), 10, 2) as progress:
            progress.add(3)
            progress.update(7, 20)
            progress.tick()
        assert told == [(5, 10), (7, 20)]
        assert isinstance(shown(False), Silence) and isinstance(shown(None), Silence)
        with pytest.raises(ValueError, match="progress must be True, False or a function"):
            shown("bar")

    @pytest.mark.parametrize("stream", [Broken(), io.StringIO(), "closed"])
    def test_nothing_is_disturbed(self, stream):
        if stream == "closed":
            stream = Terminal()
            stream.close()
        now = [0.0]
        progress = Progress(10, 0, stream, clock=lambda: now[0])
        for _ in range(10):
            now[0] += 61
            progress.add(1)
        progress.close()
        progress.close()
        assert progress.done == 10

    @pytest.mark.parametrize("error", [BrokenPipeError, KeyboardInterrupt])
    def test_other_bars_go_on(self, error):
        """All bars share a lock, which is given back, and no thread is left that an exit would wait for."""

        class Breaks(Terminal):
            intact = 1000

            def write(self, text):
                self.intact -= 1
                if self.intact < 0:
                    raise error
                return super().write(text)

        before = threading.active_count()
        progress = Progress(10, 0, stream := Breaks())
        stream.intact = 0
        with pytest.raises(error) if error is KeyboardInterrupt else contextlib.nullcontext():
            progress.bar.last_print_t -= 1
            progress.add(1)
        stream.intact = 1000
        progress.close()
        assert threading.active_count() == before
        other = threading.Thread(target=lambda: Progress(10, 0, Terminal()).close(), daemon=True)
        other.start()
        other.join(10)
        assert not other.is_alive()

    @pytest.mark.parametrize("stream", [Terminal, io.StringIO, Broken])
    def test_parts_of_a_whole(self, stream):
        now, out = [0.0], stream()
        with Portion(out, lambda: now[0]) as portion:
            portion.tell(0.0, "mazes")
            for fraction, now[0] in ((0.25, 60.0), (0.2, 120.0), (1.5, 180.0)):
                if portion.bar is not None:
                    portion.bar.last_print_t -= 1
                portion.tell(fraction, "slot machines")
        lines = out.getvalue()
        if stream is io.StringIO:
            assert lines.splitlines() == [
                "25 %, 3 min 0 s left: slot machines", "25 %, 6 min 0 s left: slot machines",
                "100 %, 0 s left: slot machines",
            ]  # fmt: skip
        elif stream is Terminal:
            assert " 25% |" in lines and "slot machines" in lines and "100%" in lines

    def test_no_standard_error(self, monkeypatch):
        monkeypatch.setattr(sys, "stderr", None)
        with Progress(10) as progress:
            progress.add(10)

    def test_total_that_comes_late(self):
        out = Terminal()
        with Progress(unit="episode", stream=out) as progress:
            progress.update(500, 1000)
        assert "500/1.00k" in out.getvalue() and "episode" in out.getvalue()
        now, out = [0.0], io.StringIO()
        with Progress(None, 0, out, lambda: now[0], unit="episode", leave=False) as progress:
            now[0] = 60.0
            progress.update(120)
            now[0] = 120.0
            progress.update(240, 480)
        assert out.getvalue().splitlines() == [
            "120 episodes, 2 episodes/s", "240 of 480 episodes (50.0 %), 2 episodes/s, 2 min 0 s left",
        ]  # fmt: skip


class TestThreads:
    def test_futures(self):
        with Threads(2) as threads:
            assert threads.submit(lambda *given, **named: (given, named), 1, 2, x=3).result() == ((1, 2), {"x": 3})
            with pytest.raises(KeyError):
                threads.submit({}.__getitem__, "x").result()
            assert list(threads.map(abs, range(-50, 0))) == list(range(50, 0, -1))
        with pytest.raises(RuntimeError, match="shut down"):
            threads.submit(abs, 1)

    def test_cancelling(self):
        threads = Threads(1)
        first = threads.submit(time.sleep, 0.3)
        while not first.running():
            time.sleep(0.01)
        others = [threads.submit(time.sleep, 10) for _ in range(5)]
        threads.shutdown(cancel_futures=True)
        assert first.result() is None and all(future.cancelled() for future in others)
        assert our_threads.none_left()

    def test_a_process_does_not_wait_for_them(self):
        code = "import time; from sigmalloc._threads import Threads; Threads(1).submit(time.sleep, 60)"
        begin = time.perf_counter()
        assert subprocess.run([sys.executable, "-c", code], timeout=30).returncode == 0
        assert time.perf_counter() - begin < 20
