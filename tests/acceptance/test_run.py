"""`./run` sets a checkout up once, notices what is half made, and says what to do where it cannot."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import zipfile
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

import pytest

RUN = Path(__file__).parents[2] / "run"
CLI = """
import os, sys

def main():
    print(sys.argv[1:], os.environ["HOMECLIMATE_CHECKOUT"])
"""
PYTEST = "import os, sys; print('pytest', sys.argv[1:], os.getcwd())"
OLD_PYTHONS = sorted(
    python
    for pattern in ("2.7.*", "3.[5-9].*", "3.10.*")
    for python in Path.home().glob(f".pyenv/versions/{pattern}/bin/python")
)
needs_old_python = pytest.mark.skipif(not OLD_PYTHONS, reason="no Python older than 3.11 under ~/.pyenv")
SAYING_NO = "#!/bin/sh\necho 'python3: no such version' >&2\nexit 127\n"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout that is not set up, in a folder with a blank and a quote in its name."""
    return a_checkout(tmp_path / "it's a home")


@pytest.fixture(scope="module")
def two_starts(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[tuple[int, str, str]]]:
    """A checkout, and what the first two starts in it, at once, ended with and said."""
    folder = a_checkout(tmp_path_factory.mktemp("shared") / "it's a home")
    command = [str(folder / "run"), "collect", "--once"]
    pipe, environment = subprocess.PIPE, without_uv(folder)
    started = [
        subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=environment) for _ in range(2)
    ]
    told = [process.communicate() for process in started]
    return folder, [(process.returncode, *said) for process, said in zip(started, told, strict=True)]


@pytest.fixture
def set_up_checkout(two_starts: tuple[Path, object]) -> Path:
    return two_starts[0]


@pytest.mark.proof
def test_two_starts_at_once_set_up_once_and_both_run_their_command(
    two_starts: tuple[Path, list[tuple[int, str, str]]],
) -> None:
    folder, ends = two_starts
    assert [(code, out) for code, out, _ in ends] == [(0, f"['collect', '--once'] {folder}\n")] * 2
    talk = "".join(talk for _, _, talk in ends)
    assert talk.count("making .venv") == 1
    assert talk.count("pins with uv") == 1
    assert talk.count("pins; this takes") == 1


@pytest.mark.proof
def test_a_failed_installation_is_repeated_at_the_next_start(set_up_checkout: Path) -> None:
    leftover = set_up_checkout / ".venv" / "leftover"
    leftover.touch()
    lock = set_up_checkout / "requirements.lock"
    good = lock.read_text()
    lock.write_text(good.replace(".whl", ".gone"))
    failed = start(set_up_checkout, "collect")
    assert failed.returncode == 69
    assert failed.stdout == ""
    assert "pip could not install what requirements.lock pins" in failed.stderr
    assert not (set_up_checkout / ".venv" / "installed.txt").exists()
    lock.write_text(good)
    again = start(set_up_checkout, "collect")
    assert again.returncode == 0
    assert "making .venv" in again.stderr
    assert not leftover.exists()


@pytest.mark.proof
def test_a_later_start_only_runs_the_command(set_up_checkout: Path) -> None:
    again = start(set_up_checkout, "collect", "two words")
    assert (again.stdout, again.stderr) == (f"['collect', 'two words'] {set_up_checkout}\n", "")


@pytest.mark.proof
def test_tests_get_the_development_packages_and_the_checkout(set_up_checkout: Path) -> None:
    tested = start(set_up_checkout, "test", "-k", "retry")
    assert tested.stdout == f"pytest ['-k', 'retry'] {set_up_checkout}\n"
    assert "making .venv" not in tested.stderr


@pytest.mark.proof
def test_the_environment_has_the_checkouts_command(set_up_checkout: Path, tmp_path: Path) -> None:
    command = set_up_checkout / ".venv" / "bin" / "homeclimate"
    done = subprocess.run([command, "health"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == f"['health'] {set_up_checkout}\n"


@pytest.mark.proof
def test_ctrl_c_while_python_starts_leaves_no_traceback(set_up_checkout: Path) -> None:
    def press_ctrl_c() -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])  # until the program allows it
        os.kill(os.getpid(), signal.SIGINT)

    process = subprocess.run(
        [sys.executable, set_up_checkout / ".venv" / "bin" / "homeclimate"],
        capture_output=True,
        preexec_fn=press_ctrl_c,
        check=False,
    )
    assert (process.returncode, process.stdout, process.stderr) == (130, b"", b"")


def test_program_is_started_with_ctrl_c_held_back(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = module(checkout)
    masks: list[set[signal.Signals | int]] = []
    monkeypatch.setattr(run, "start", lambda _: masks.append(signal.pthread_sigmask(signal.SIG_BLOCK, [])))
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    try:
        run.start_program(["status"])
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    assert [signal.SIGINT in mask for mask in masks] == [True]


def test_without_a_command_usage_is_printed(checkout: Path) -> None:
    told = start(checkout)
    assert told.returncode == 0
    assert "./run COMMAND" in told.stdout
    assert not (checkout / ".venv").exists()


def test_help_lists_the_commands_before_anything_is_set_up(checkout: Path) -> None:
    shutil.copy(RUN.parent / "entrypoints" / "cli.py", checkout / "entrypoints")
    told = start(checkout, "--help")
    assert re.search(r"^  collect +Collect readings", told.stdout, re.MULTILINE)
    assert not (checkout / ".venv").exists()


@pytest.mark.parametrize("arguments", [["--help"], ["bench"]])
def test_lists_end_without_a_word_when_their_reader_goes(checkout: Path, arguments: list[str]) -> None:
    read, write = os.pipe()
    os.close(read)
    command = [str(checkout / "run"), *arguments]
    told = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write)
    assert (told.returncode, told.stderr) == (-signal.SIGPIPE, "")


def test_the_benchmarks_are_listed(checkout: Path) -> None:
    assert start(checkout, "bench").stdout == "cycle\n"


def test_an_unknown_benchmark_exits_with_64(checkout: Path) -> None:
    told = start(checkout, "bench", "cicle")
    assert (told.returncode, told.stderr) == (
        64,
        "homeclimate: there is no benchmark cicle; there are: cycle\n",
    )


def test_a_broken_shim_is_skipped(checkout: Path, tmp_path: Path) -> None:
    a_program(tmp_path / "bin" / "python3", SAYING_NO)
    a_program(tmp_path / "bin" / "python3.12", f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    assert "./run COMMAND" in start(checkout, path=tmp_path / "bin").stdout


def test_without_python_the_message_names_the_version(checkout: Path, tmp_path: Path) -> None:
    told = start(checkout, "collect", path=tmp_path)
    assert told.returncode == 69
    assert "needs Python 3.11 or newer" in told.stderr


@needs_old_python
@pytest.mark.parametrize("python", OLD_PYTHONS, ids=lambda python: python.parts[-3])
def test_an_old_python_names_the_needed_version(checkout: Path, tmp_path: Path, python: Path) -> None:
    told = start(checkout, "collect", path=tmp_path, python=python)
    version = ".".join(python.parts[-3].split(".")[:2])
    assert told.returncode == 69
    assert f"needs Python 3.11 or newer; this is {version} (" in told.stderr


@needs_old_python
@pytest.mark.parametrize("python", OLD_PYTHONS, ids=lambda python: python.parts[-3])
def test_an_old_python_restarts_with_a_newer_one(checkout: Path, tmp_path: Path, python: Path) -> None:
    a_program(tmp_path / "bin" / "python3.14", SAYING_NO)
    newer = f'#!/bin/sh\ncase "$3" in -c) exec "{sys.executable}" "$@";; *) shift 2; echo "$@";; esac\n'
    a_program(tmp_path / "bin" / "python3.13", newer)
    told = start(checkout, "collect", "--once", path=tmp_path / "bin", python=python)
    assert told.stdout == f"{checkout}/run collect --once\n"


def test_a_finished_environment_is_ready(checkout: Path) -> None:
    run = a_finished_environment(checkout)
    assert run.is_ready([run.RUNTIME, run.DEVELOPMENT])


def test_an_environment_without_a_stamp_is_not_ready(checkout: Path) -> None:
    run = a_finished_environment(checkout)
    (checkout / ".venv" / "installed.txt").unlink()
    assert not run.is_ready([])


def test_a_changed_lock_installs_only_its_packages(checkout: Path) -> None:
    run = a_finished_environment(checkout)
    (checkout / "requirements.lock").write_text("another==1.0\n")
    assert not run.is_ready([run.RUNTIME])
    assert run.is_ready([])


def test_an_environment_in_a_moved_folder_is_not_ready(checkout: Path, tmp_path: Path) -> None:
    a_finished_environment(checkout)
    checkout.rename(tmp_path / "moved")
    assert not module(tmp_path / "moved").is_ready([])


def test_an_environment_whose_python_is_gone_is_not_ready(checkout: Path) -> None:
    run = a_finished_environment(checkout)
    python = checkout / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to(checkout / "removed" / "python3.11")
    assert not run.is_ready([])


def test_an_environment_of_another_python_version_is_not_ready(checkout: Path) -> None:
    run = a_finished_environment(checkout)
    a_program(checkout / ".venv" / "bin" / "python", "#!/bin/sh\necho 3.99\n")
    assert not run.is_ready([])


@pytest.mark.parametrize(
    ("user", "answer", "expected"),
    [
        pytest.param(0, False, [["apt-get"]], id="root installs it"),
        pytest.param(1000, True, [["sudo", "apt-get"]], id="a person at a terminal agrees to sudo"),
        pytest.param(1000, False, [], id="anyone else is told its name"),
    ],
)
def test_the_package_that_bare_debian_lacks(
    checkout: Path,
    monkeypatch: pytest.MonkeyPatch,
    user: int,
    answer: bool,
    expected: list[list[str]],
) -> None:
    run = module(checkout)
    talks: list[list[str]] = []
    reports: list[str] = []
    announced: list[bool] = []
    monkeypatch.setattr(run, "has_ensurepip", lambda _python: bool(talks))
    monkeypatch.setattr(run, "version_of", lambda _python: "3.11")
    monkeypatch.setattr(run, "on_path", lambda name: [f"/bin/{name}"])
    monkeypatch.setattr(run, "confirms", lambda _question: answer)
    monkeypatch.setattr(run, "report", reports.append)

    def run_quietly(arguments: list[str], *, keeps_terminal: bool) -> None:
        announced.append(any("python3.11-venv" in one and "as root" in one for one in reports))
        talks.append(arguments)

    monkeypatch.setattr(run, "run_quietly", run_quietly)
    monkeypatch.setattr(os, "geteuid", lambda: user)
    if expected:
        run.require_ensurepip("/usr/bin/true")
        assert [talk[: talk.index("apt-get") + 1] for talk in talks] == expected * 2
        assert talks[-1][-1] == "python3.11-venv"
        assert announced == [True, True]
    else:
        with pytest.raises(SystemExit, match="69"):
            run.require_ensurepip("/usr/bin/true")
        assert "".join(reports).count("python3.11-venv") == 1


def test_a_full_disk_is_named_when_the_set_up_fails(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    run = module(checkout)
    monkeypatch.setattr(run, "run_quietly", lambda _: 1)
    for free, remark in ((30, "Only 30 MB are free here, make room for 150"), (10**6, "is above\n")):
        room = os.statvfs_result((1, 10**6, 0, 0, free, 0, 0, 0, 0, 255))
        monkeypatch.setattr(os, "statvfs", lambda _, room=room: room)
        with pytest.raises(SystemExit, match="69"):
            run.make_venv()
        assert remark in capfd.readouterr().err


@pytest.mark.parametrize(
    ("is_usable", "failing", "expected"),
    [
        pytest.param(False, "", ["venv", "pip"], id="everything"),
        pytest.param(True, "", ["pip"], id="only the packages of a changed lock"),
        pytest.param(False, "venv", ["venv"], id="venv fails"),
        pytest.param(True, "pip", ["pip"], id="the packages fail"),
    ],
)
def test_uv_installs_what_the_lock_pins(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, is_usable: bool, failing: str, expected: list[str]
) -> None:
    run = module(checkout)
    ran: list[list[str]] = []

    def run_quietly(arguments: list[str]) -> int:
        ran.append(arguments)
        return 2 if arguments[2] == failing else 0

    monkeypatch.setattr(run, "on_path", lambda name: [f"/bin/{name}"] if name == "uv" else [])
    monkeypatch.setattr(run, "run_quietly", run_quietly)
    assert run.install_with_uv("requirements.lock", is_usable) == (not failing)
    assert [arguments[2] for arguments in ran] == expected
    if not failing:
        assert ran[-1][-3:] == ["--require-hashes", "-r", str(checkout / "requirements.lock")]


def test_ctrl_c_ends_what_runs_without_a_traceback(checkout: Path, tmp_path: Path) -> None:
    """The key reaches all processes of the terminal: here an installation that would print a traceback."""
    program = "import time; print('at work', flush=True); time.sleep(60)"
    a_program(tmp_path / "bin" / "uv", f'#!/bin/sh\nexec "{sys.executable}" -c "{program}"\n')
    process = subprocess.Popen(
        [sys.executable, checkout / "run", "collect"],
        env=os.environ | {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stderr is not None
    with process.stderr:
        assert next(line for line in process.stderr if "at work" in line)
        os.killpg(process.pid, signal.SIGINT)
        assert process.stderr.read() == "homeclimate: stopped by Ctrl-C\n"
    assert process.wait() == 130


def a_checkout(folder: Path) -> Path:
    (folder / "entrypoints").mkdir(parents=True)
    (folder / "entrypoints" / "cli.py").write_text(CLI)
    (folder / "tests" / "benchmarks").mkdir(parents=True)
    (folder / "tests" / "benchmarks" / "cycle.py").touch()
    shutil.copy(RUN, folder)
    (folder / "requirements.lock").write_text(a_pin(folder, "useful"))
    (folder / "requirements-dev.lock").write_text(a_pin(folder, "useful") + a_pin(folder, "pytest", PYTEST))
    return folder


def a_pin(folder: Path, name: str, code: str = "") -> str:
    """The line of a lock for a made-up package, which lies beside it as a wheel."""
    wheel = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(f"{name}/__main__.py", code)
        archive.writestr(
            f"{name}-1.0.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
        )
        archive.writestr(f"{name}-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{name}-1.0.dist-info/RECORD", "")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    return f"{name} @ {wheel.as_uri()} \\\n    --hash=sha256:{digest}\n"


def a_finished_environment(checkout: Path) -> ModuleType:
    """What a finished set-up leaves for the stamp to speak of, and nothing else of an environment."""
    run = module(checkout)
    (checkout / ".venv" / "bin").mkdir(parents=True)
    a_program(checkout / ".venv" / "bin" / "python", f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (checkout / ".venv" / "installed.txt").write_text("\n".join(run.facts([run.RUNTIME, run.DEVELOPMENT])))
    return run


def a_program(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def without_uv(checkout: Path) -> dict[str, str]:
    """An environment in which uv, if there is one, fails."""
    a_program(checkout / "bin" / "uv", "#!/bin/sh\nexit 2\n")
    return os.environ | {"PATH": f"{checkout / 'bin'}:{os.environ['PATH']}"}


def module(checkout: Path) -> ModuleType:
    loader = SourceFileLoader("run", str(checkout / "run"))
    spec = spec_from_loader("run", loader)
    assert spec is not None
    loaded = module_from_spec(spec)
    loader.exec_module(loaded)
    return loaded


def start(
    checkout: Path, *arguments: str, path: Path | None = None, python: Path | None = None
) -> subprocess.CompletedProcess[str]:
    command = ([] if python is None else [python]) + [checkout / "run"]
    environment = without_uv(checkout) if path is None else os.environ | {"PATH": str(path)}
    return subprocess.run(
        [*command, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
