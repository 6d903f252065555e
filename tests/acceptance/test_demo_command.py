"""`homeclimate demo`: everything that it promises, in a process of its own, on an empty folder."""

from __future__ import annotations

import asyncio
import os
import re
import sqlite3
import subprocess
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from config.files import DEMO_MARK
from domain.errors import StoreRefused
from entrypoints.commands import demo
from tests.support.deployments import Deployment, calm_seed
from tests.support.forked import Piped, run_forked, wanted

_CHECKOUT = Path(__file__).parents[2]


def _demo(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run_forked(_order(folder, *arguments), timeout=55)


def _order(folder: Path, *arguments: str) -> dict[str, object]:
    environment = {**os.environ, "PYTHONPATH": str(_CHECKOUT), "NO_COLOR": "1", "COLUMNS": "120"}
    command = ["demo", "--home", str(folder), "--seed", str(calm_seed()), *arguments]
    return wanted(command, environment=environment, folder=folder.parent)


def _one(database: Path, statement: str) -> object:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return connection.execute(statement).fetchone()[0]


def _line(text: str, begin: str) -> str:
    (line,) = [line for line in text.splitlines() if line.startswith(begin)]
    return line


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess[str], Path]:
    """A demo of one day and two live cycles, and its database."""
    folder = tmp_path_factory.mktemp("shown") / "demo"
    return _demo(folder, "--days", "1", "--live-cycles", "2"), folder / "data" / "readings.db"


@pytest.mark.proof
def test_the_demo_backfills_collects_live_and_shows_what_is_stored(
    shown: tuple[subprocess.CompletedProcess[str], Path],
) -> None:
    done, database = shown
    assert done.returncode == 0, done.stderr
    assert _one(database, "SELECT count(*) FROM outcomes WHERE scheduled = 1 AND state = 'stored'") == 2 * 288
    assert _one(database, "SELECT count(*) FROM outcomes WHERE scheduled = 0 AND state = 'stored'") == 2 * 2
    assert done.stdout.count("  hue  8 readings") == 2
    assert done.stdout.count("  amazon  3 readings") == 2
    assert "Kitchen" in done.stdout
    assert any(bar in done.stdout for bar in "▂▃▄▅▆▇")
    assert "humidity" in done.stdout
    assert str(database) in done.stdout


@pytest.mark.proof
def test_the_demo_ends_with_its_page(shown: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    done, database = shown
    home = database.parents[1]
    assert done.stdout.splitlines()[-1].endswith(f"`homeclimate dashboard --open --home {home}`")
    page = home.with_name("demo.html").read_text()
    assert "Kitchen" in page
    assert "simulated" in page


@pytest.mark.proof
def test_the_demo_serves_its_page_and_goes_on_collecting(tmp_path: Path) -> None:
    arguments = ("--days", "0", "--live-cycles", "1", "--serve", "0")
    serving = Piped(_order(tmp_path / "demo", *arguments))
    line = next(line for line in serving.stdout if "Open http" in line)
    (address,) = re.findall(r"http://[0-9.:]+/", line)
    with urllib.request.urlopen(address, timeout=20) as reply:  # noqa: S310 - http
        assert b"Kitchen" in reply.read()
    newest: set[bytes] = set()
    with urllib.request.urlopen(f"{address}events", timeout=20) as reply:  # noqa: S310 - http
        while len(newest) < 2:
            newest |= {line for line in [reply.readline()] if line.startswith(b"data: ")}
    serving.terminate()
    serving.communicate()
    assert serving.returncode == 0


@pytest.mark.proof
def test_every_expected_reading_of_the_backfill_is_stored_or_explained(
    shown: tuple[subprocess.CompletedProcess[str], Path],
) -> None:
    _, database = shown
    stored = _one(database, "SELECT count(*) FROM readings")
    unread = _one(database, "SELECT coalesce(sum((SELECT count(*) FROM json_each(unread))), 0) FROM outcomes")
    assert isinstance(stored, int)
    assert isinstance(unread, int)
    assert stored + unread == (288 + 2) * (8 + 3)


_FAULTS = {
    "bridge-down": ("1 failed (network); 8 readings stored", "cycles; 6 readings stored"),
    "throttled": ("1 failed (throttled); 8 readings", "1 failed (throttled); 3 readings"),
    "token-expired": ("cycles; 16 readings stored", "cycles; 6 readings stored"),
    "token-refused": ("cycles; 16 readings stored", "1 failed (credentials); 3 readings stored"),
    "garbled": ("cycles; 16 readings stored", "cycles; 6 readings stored"),
    "slow": ("cycles; 16 readings stored", "cycles; 6 readings stored"),
    "monitor-gone": ("cycles; 16 readings stored", "cycles; 5 readings stored"),
}


@pytest.fixture(scope="module")
def troubled(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, str]]:
    """A demo with each fault: exit code, and what it said. They spend most of their time waiting."""
    arguments = ("--days", "0", "--live-cycles", "2", "--fault")
    with ThreadPoolExecutor(max_workers=len(_FAULTS)) as pool:
        runs = {
            fault: pool.submit(_demo, tmp_path_factory.mktemp(fault) / "demo", *arguments, fault)
            for fault in _FAULTS
        }
        return {fault: (run.result().returncode, run.result().stdout) for fault, run in runs.items()}


@pytest.mark.parametrize("fault", _FAULTS)
@pytest.mark.proof
def test_a_fault_is_told_with_what_was_stored_all_the_same(
    troubled: dict[str, tuple[int, str]], fault: str
) -> None:
    code, said = troubled[fault]
    assert code == 0, said
    hue, amazon = _FAULTS[fault]
    assert hue in _line(said, "  hue: ")
    assert amazon in _line(said, "  amazon: ")


@pytest.mark.proof
def test_the_demo_may_be_run_again_on_its_folder(tmp_path: Path) -> None:
    first = _demo(tmp_path / "demo", "--days", "0", "--live-cycles", "1")
    second = _demo(tmp_path / "demo", "--days", "0", "--live-cycles", "1")
    assert (first.returncode, second.returncode) == (0, 0), second.stderr


def test_the_demo_leaves_a_real_home_alone(deployment: Deployment) -> None:
    before = deployment.config_file.read_text(), deployment.secrets_file.read_text()
    done = _demo(deployment.folder)
    assert done.returncode == 78
    assert "real home" in done.stderr
    assert (deployment.config_file.read_text(), deployment.secrets_file.read_text()) == before


def test_the_demo_leaves_a_folder_of_other_files_alone(tmp_path: Path) -> None:
    (tmp_path / "hosts").touch()
    done = _demo(tmp_path, "--days", "0", "--live-cycles", "1")
    assert (done.returncode, [one.name for one in tmp_path.iterdir()]) == (78, ["hosts"])
    assert "Name a new folder with --home" in done.stderr


def test_the_demo_refuses_a_real_database(deployment: Deployment, tmp_path: Path) -> None:
    deployment.run("collect", "--once")
    real = tmp_path / "demo" / "data" / "readings.db"
    real.parent.mkdir(parents=True)
    deployment.database.rename(real)
    before = real.read_bytes()
    done = _demo(tmp_path / "demo", "--days", "0", "--live-cycles", "1")
    assert done.returncode == 78
    assert "Traceback" not in done.stderr
    assert real.read_bytes() == before
    assert not (tmp_path / "demo" / "config").exists()


@pytest.mark.proof
def test_the_demo_refuses_a_real_database_in_the_place_of_its_own(
    deployment: Deployment, tmp_path: Path
) -> None:
    deployment.run("collect", "--once")
    _demo(tmp_path / "demo", "--days", "0", "--live-cycles", "1")
    deployment.database.replace(tmp_path / "demo" / "data" / "readings.db")
    done = _demo(tmp_path / "demo", "--days", "0", "--live-cycles", "1")
    assert done.returncode == 78
    assert "Traceback" not in done.stderr


def test_the_demo_refuses_another_house_before_anything_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "simulated_home", None)  # nothing is simulated, no certificate made
    (tmp_path / "config").mkdir()
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "readings.db").touch()
    (tmp_path / "config" / "config.yaml").write_text(f"{DEMO_MARK}\n# seed: 4\n")
    with pytest.raises(StoreRefused, match="Add --seed 4, or name a new folder"):
        demo.run(demo.Request(home=tmp_path, days=0, live_cycles=1, seed=5))


@pytest.mark.parametrize("live_cycles", ["0", "1"])
@pytest.mark.proof
def test_a_fault_that_has_not_begun_is_not_told(tmp_path: Path, live_cycles: str) -> None:
    done = _demo(tmp_path / "demo", "--days", "0", "--live-cycles", live_cycles, "--fault", "bridge-down")
    assert "unplugged" not in done.stdout
    assert "The fault did not happen" in done.stdout


@pytest.mark.proof
def test_a_refused_token_ends_with_the_alert_file(troubled: dict[str, tuple[int, str]]) -> None:
    _, said = troubled["token-refused"]
    assert "ALERT_TOKEN_REFRESH_NEEDED.txt asks for a person" in said
    assert "setup --reauth amazon" in said
    assert "asks for a person" not in troubled["slow"][1]


@pytest.mark.proof
def test_an_interrupted_backfill_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def stopped() -> asyncio.Event:
        stop = asyncio.Event()
        stop.set()
        return stop

    monkeypatch.setattr(demo, "stop_on_signals", stopped)
    demo.run(demo.Request(home=tmp_path / "demo", days=1, live_cycles=1, seed=1))
    assert "Interrupted: 0 of 288 cycles were backfilled. Run the demo again" in capsys.readouterr().out
