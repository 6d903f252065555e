"""A home is known by its id and its marker: what is missing is never taken for a first start."""

from __future__ import annotations

import json
import os
import shutil
import stat
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import attrs
import pytest

from adapters.files.home_marker import HomeMarker, Marker, Place
from adapters.files.saved_state import SavedState
from adapters.memory.runtime import MemoryClock, MemoryJournal
from adapters.memory.spool import MemorySpool
from adapters.memory.state import MemoryState
from adapters.sqlite.backup.backups import back_up
from adapters.sqlite.care.renewal import Renewal
from adapters.sqlite.care.upkeep import SqliteUpkeep
from adapters.sqlite.database_lock import DatabaseLock
from adapters.sqlite.identity.home_identity import HomeIdentity
from adapters.sqlite.identity.interim_store import InterimStore
from adapters.sqlite.opening import Opening
from adapters.sqlite.store import SqliteStore
from domain.errors import SpoolError, StoreError, StoreMissing
from ports.journal import Level
from tests.support.builders import NOON, a_collected, a_cycle, a_due, a_reading
from tests.support.cut_short import cut_short
from tests.support.databases import rows

DEVICES = "SELECT device_id FROM readings ORDER BY device_id"
PROPERTIES = "SELECT name, value FROM properties WHERE name IN ('home_id', 'interim_since') ORDER BY name"


@attrs.define
class Home:
    """A home; each of its processes begins with `process()`."""

    folder: Path
    state: MemoryState = attrs.field(factory=MemoryState)
    journal: MemoryJournal = attrs.field(factory=MemoryJournal)
    is_other_configuration: bool = False
    spool: MemorySpool = attrs.field(factory=MemorySpool)
    kept: MemorySpool = attrs.field(factory=MemorySpool)

    @property
    def path(self) -> Path:
        return self.folder / "data" / "readings.db"

    @property
    def marker(self) -> HomeMarker:
        return HomeMarker((self.folder / "state", self.folder / "second"), home=self.folder)

    @property
    def marker_file(self) -> Path:
        return self.folder / "state" / "home.json"

    def identity(self) -> HomeIdentity:
        return HomeIdentity(
            path=self.path,
            marker=self.marker,
            state=self.state,
            journal=self.journal,
            clock=MemoryClock(NOON),
            is_other_configuration=self.is_other_configuration,
            journal_file=self.folder / "logs" / "homeclimate.log",
        )

    def collect(self, device: str = "hue:new") -> None:
        """Store a cycle with one reading in a process of its own."""
        identity = self.identity()
        store = InterimStore(
            SqliteStore(
                self.path, journal=self.journal, clock=MemoryClock(NOON), state=self.state, identity=identity
            ),
            identity=identity,
            kept=self.kept,
            spool=self.spool,
            journal=self.journal,
        )
        try:
            store.open(checking=False)
            self.spool.drain(lambda waiting: bool(store.append(waiting)))
            store.append(a_cycle(a_collected(a_reading(device), due=a_due(device))))
        finally:
            store.close()

    async def merge_backup(self) -> str | None:
        upkeep = SqliteUpkeep(
            self.path,
            state=self.state,
            journal=self.journal,
            clock=MemoryClock(NOON),
            identity=self.identity(),
        )
        return await upkeep.restore()

    def back_up(self) -> Path:
        target = self.path.parent / "backups" / "readings-20260228T120000Z.db"
        target.parent.mkdir()
        back_up(self.path, target, busy_timeout_ms=1000)
        return target

    def renewal(self) -> Renewal:
        identity = self.identity()
        opening = Opening(
            path=self.path,
            is_simulated=False,
            busy_timeout_ms=1000,
            wal_checkpoint_pages=1000,
            journal=self.journal,
            clock=MemoryClock(NOON),
            identity=identity,
        )
        lock = DatabaseLock(self.path.with_name(f"{self.path.name}.lock"), wait_s=1.0)
        return Renewal(opening=opening, lock=lock, identity=identity, kept=self.kept)

    def devices(self) -> list[str]:
        return [device for (device,) in rows(self.path, DEVICES)]

    def properties(self) -> dict[str, str]:
        return dict(rows(self.path, PROPERTIES))

    def missing(self) -> str | None:
        """What people are told about a missing database."""
        found = SavedState(self.state).missing_database()
        return None if found is None else str(found)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    (tmp_path / "home").mkdir()
    return Home(tmp_path / "home")


@pytest.fixture
def old(home: Home) -> Home:
    """A home that has collected before."""
    home.collect("hue:old")
    home.journal.records.clear()
    return home


def test_new_home_gets_an_id_in_database_and_marker(home: Home) -> None:
    home.collect()
    marker = home.marker.read()
    assert marker is not None
    assert home.properties() == {"home_id": marker.home_id}
    assert stat.S_IMODE(home.marker_file.stat().st_mode) == 0o600
    assert (home.missing(), home.journal.of("store.missing")) == (None, ())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_marker_of_a_run_as_root_belongs_to_the_owner_of_the_home(home: Home) -> None:
    os.chown(home.folder, 1234, 1234)
    home.collect()
    owners = {path.stat().st_uid for path in (home.marker_file, home.marker_file.parent)}
    assert owners == {1234}


def test_marker_is_not_written_again_without_a_change(old: Home) -> None:
    before = old.marker_file.stat()
    old.collect()
    assert (old.marker_file.stat().st_ino, old.marker_file.stat().st_mtime_ns) == (
        before.st_ino,
        before.st_mtime_ns,
    )


def test_old_home_with_a_database_is_adopted_silently(old: Home) -> None:
    rows_before = old.devices()
    shutil.rmtree(old.marker_file.parent)
    home_id = old.properties()["home_id"]
    old.collect()
    marker = old.marker.read()
    assert marker is not None
    assert marker.home_id == home_id
    assert old.devices() == ["hue:new", *rows_before]
    assert [
        one for one in old.journal.records if one.level > Level.INFO and one.event != "store.opened"
    ] == []


def test_copied_home_keeps_its_id(old: Home, tmp_path: Path) -> None:
    shutil.copytree(old.folder, tmp_path / "elsewhere" / "home")
    copied = Home(tmp_path / "elsewhere" / "home")
    copied.collect()
    assert copied.properties() == old.properties()
    assert copied.missing() is None


def remove_file(home: Home) -> None:
    home.path.unlink()


def remove_folder(home: Home) -> None:
    shutil.rmtree(home.path.parent)


def only_state(home: Home) -> None:
    home.path.unlink()
    shutil.rmtree(home.marker_file.parent)


def forget_all(home: Home) -> None:
    """Remove database, marker and state, so that one other witness is left."""
    only_state(home)
    home.state = MemoryState()
    for log in home.path.parent.glob("*-wal"):
        log.unlink()


def only_journal(home: Home) -> None:
    forget_all(home)
    journal = home.folder / "logs" / "homeclimate.log.1"
    journal.parent.mkdir()
    journal.write_text(
        "2026-03-01T12:00:00.000Z INFO cycle slot=2026-03-01T12:00:00+00:00 kept=stored readings=1\n"
    )


def only_backups(home: Home) -> None:
    home.back_up()
    forget_all(home)


def only_spool(home: Home) -> None:
    forget_all(home)
    (home.path.parent / "spool").mkdir()
    (home.path.parent / "spool" / "2026-03-01.jsonl").write_text("")


def only_kept_copy(home: Home) -> None:
    forget_all(home)
    home.path.with_name("readings.db.damaged-20260301T120000Z").write_bytes(b"")


def only_log(home: Home) -> None:
    forget_all(home)
    home.path.with_name("readings.db-wal").write_bytes(b"x")


def damaged_marker(home: Home) -> None:
    home.path.unlink()
    home.state = MemoryState()
    home.marker_file.write_text("{")


def marker_in_second_place(home: Home) -> None:
    home.path.unlink()
    home.state = MemoryState()
    (home.folder / "second").mkdir()
    home.marker_file.rename(home.folder / "second" / "home.json")


LOSSES = [
    remove_file,
    remove_folder,
    only_state,
    only_backups,
    only_spool,
    only_kept_copy,
    only_log,
    only_journal,
    damaged_marker,
    marker_in_second_place,
]


@pytest.mark.parametrize("lose", LOSSES)
def test_any_witness_makes_a_missing_database_an_incident(old: Home, lose: Callable[[Home], None]) -> None:
    lose(old)
    assert old.identity().loss() is not None
    old.collect()
    (lost,) = old.journal.of("store.missing")
    assert lost.level is Level.CRITICAL
    assert "interim_since" in old.properties()
    assert "is being merged" in str(old.missing())


def test_home_without_any_witness_is_new(old: Home) -> None:
    forget_all(old)
    old.collect()
    assert old.missing() is None
    assert "interim_since" not in old.properties()


def test_home_that_was_moved_knows_where_it_was(old: Home, tmp_path: Path) -> None:
    """The original of a copied home stays where it is, and keeps what waits for it."""
    copy, moved = Home(tmp_path / "copy"), Home(tmp_path / "moved")
    shutil.copytree(old.folder, copy.folder)
    assert copy.marker.former_homes() == []
    shutil.move(old.folder, moved.folder)
    assert moved.marker.former_homes() == [old.folder]
    moved.collect("hue:moved")
    assert moved.marker.former_homes() == [old.folder]
    again = Home(tmp_path / "again")
    shutil.move(moved.folder, again.folder)
    assert again.marker.former_homes() == [old.folder, moved.folder]


def test_first_cycles_that_could_not_be_stored_are_no_loss(home: Home) -> None:
    """The spool of a home whose database could not be made yet."""
    home.marker.write(Marker(home_id="one"))
    (home.path.parent / "spool").mkdir(parents=True)
    (home.path.parent / "spool" / "2026-03-01.jsonl").write_text("")
    home.collect()
    assert home.missing() is None
    assert home.properties() == {"home_id": "one"}


async def test_newest_backup_is_merged_and_loss_must_be_accepted(old: Home) -> None:
    backup = old.back_up()
    home_id = old.properties()["home_id"]
    old.path.unlink()
    old.collect()
    assert await old.merge_backup() == str(backup)
    assert old.devices() == ["hue:new", "hue:old"]
    assert old.properties()["home_id"] == home_id
    assert f"1 readings of the backup {backup}" in str(old.missing())
    old.collect("hue:newer")
    assert old.missing() is not None, "a further start accepts nothing"
    assert "missing" in str(old.renewal().accept())
    assert old.missing() is None
    old.collect("hue:newest")
    assert old.properties() == {"home_id": home_id}


async def test_loss_accepted_before_the_merge_ends_with_it(old: Home) -> None:
    old.back_up()
    old.path.unlink()
    old.renewal().accept()
    assert old.missing() is not None
    await old.merge_backup()
    assert (old.missing(), old.devices()) == (None, ["hue:old"])


async def test_without_a_backup_the_loss_must_be_accepted_too(old: Home) -> None:
    old.path.unlink()
    old.collect()
    assert await old.merge_backup() is None
    assert "there was no sound backup" in str(old.missing())
    old.renewal().accept()
    assert old.missing() is None


def test_pending_merge_is_remembered_by_the_database_without_state(old: Home) -> None:
    old.path.unlink()
    old.collect()
    old.state = MemoryState()
    old.collect("hue:newer")
    assert "is being merged" in str(old.missing())


def test_start_that_is_killed_at_any_point_forgets_no_loss(tmp_path: Path) -> None:
    for calls in range(200):
        home = Home(tmp_path / str(calls))
        home.folder.mkdir()
        home.collect("hue:old")
        home.path.unlink()
        with cut_short(calls) as left:
            home.collect()
        home.collect("hue:newer")
        assert "is being merged" in str(home.missing())
        assert home.properties().keys() == {"home_id", "interim_since"}
        if left[0]:
            break
    assert left[0]


def test_new_home_that_is_killed_at_any_point_is_no_loss(tmp_path: Path) -> None:
    for calls in range(200):
        home = Home(tmp_path / str(calls))
        home.folder.mkdir()
        with cut_short(calls) as left:
            home.collect()
        home.collect("hue:newer")
        assert home.missing() is None
        if left[0]:
            break
    assert left[0]


def test_damaged_database_is_known_by_the_marker_alone(old: Home) -> None:
    """As its state is in the data folder too, where the damage may have been."""
    home_id = old.properties()["home_id"]
    old.state = MemoryState()
    old.path.write_bytes(b"")
    old.collect()
    assert old.state.get("store.aside")
    assert old.properties() == {"home_id": home_id}


def test_nothing_missing_is_nothing_to_accept(old: Home) -> None:
    assert old.renewal().accept() is None


def test_accepting_for_a_home_without_a_database_makes_none(home: Home) -> None:
    assert home.renewal().accept() is None
    assert not home.path.exists()


def test_file_without_an_id_in_the_place_of_the_known_one_is_interim(old: Home) -> None:
    other = Home(old.folder.with_name("other"))
    other.folder.mkdir()
    store = SqliteStore(other.path, journal=MemoryJournal(), clock=MemoryClock(NOON))
    store.open()
    store.close()
    shutil.copyfile(other.path, old.path)
    old.collect()
    assert "another file than before" in str(old.missing())
    assert old.properties().keys() == {"home_id", "interim_since"}


def test_database_of_another_home_is_refused_until_accepted(old: Home, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = Home(tmp_path / "other")
    other.collect("hue:other")
    own = old.properties()
    shutil.copyfile(other.path, old.path)
    with pytest.raises(StoreMissing, match=r"another home.*db accept"):
        old.collect()
    assert old.devices() == ["hue:other"]
    assert "another home" in str(old.missing())
    assert "another home" in str(old.renewal().accept())
    old.collect()
    assert (old.devices(), old.properties(), old.missing()) == (["hue:new", "hue:other"], own, None)


@pytest.mark.parametrize("put_back", [shutil.move, shutil.copyfile])
def test_found_file_gets_the_rows_of_the_interim_one(
    old: Home, tmp_path: Path, put_back: Callable[[Path, Path], object]
) -> None:
    """Whether the person puts it over the interim one by a rename, or by writing into it."""
    old.path.rename(tmp_path / "found.db")
    old.collect("hue:interim")
    old.collect("hue:interim too")
    put_back(tmp_path / "found.db", old.path)
    old.collect("hue:newer")
    assert old.missing() is None
    assert old.devices() == ["hue:interim", "hue:interim too", "hue:newer", "hue:old"]
    assert len(old.journal.of("store.found")) == 1
    assert (old.kept.reports, old.spool.reports) == ([], [])


@pytest.mark.parametrize("decide", ["accept", "begin_again"])
def test_interim_cycles_are_not_kept_after_a_decision(old: Home, decide: str) -> None:
    old.path.unlink()
    old.collect()
    assert len(old.kept.reports) == 1
    getattr(old.renewal(), decide)()
    assert old.kept.reports == []
    old.collect("hue:newer")
    assert (old.kept.reports, old.spool.reports) == ([], [])


def test_interim_cycle_that_cannot_be_kept_is_stored(old: Home) -> None:
    old.path.unlink()
    old.kept.fault = SpoolError("full")
    old.collect()
    assert len(old.journal.of("store.interim_not_kept")) == 1
    assert old.devices() == ["hue:new"]


@pytest.mark.parametrize("is_other_configuration", [False, True])
def test_database_path_that_was_changed_is_reported(old: Home, is_other_configuration: bool) -> None:
    """Unless a person named another configuration for this run, such as one for tests."""
    identity = attrs.evolve(
        old.identity(),
        path=old.path.with_name("climate.db"),
        state=MemoryState(),
        is_other_configuration=is_other_configuration,
    )
    loss = identity.loss()
    assert loss is None if is_other_configuration else str(old.path) in str(loss)


def test_database_of_a_new_home_is_made_through_a_link(home: Home, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    home.path.parent.mkdir()
    home.path.symlink_to(disk / "climate.db")
    with pytest.raises(StoreMissing, match="link"):
        home.collect()
    disk.mkdir()
    home.collect()
    assert home.path.is_symlink()
    assert rows(disk / "climate.db", DEVICES) == [("hue:new",)]


def test_link_of_a_home_from_before_the_marker_is_waited_for(old: Home, tmp_path: Path) -> None:
    """Its folder is there, as a mount point is."""
    shutil.rmtree(old.marker_file.parent)
    old.path.unlink()
    (tmp_path / "disk").mkdir()
    old.path.symlink_to(tmp_path / "disk" / "readings.db")
    with pytest.raises(StoreMissing, match="link"):
        old.collect()
    assert not list((tmp_path / "disk").iterdir())


def test_database_of_an_accepted_loss_is_made_through_the_link(old: Home, tmp_path: Path) -> None:
    old.path.unlink()
    (tmp_path / "disk").mkdir()
    old.path.symlink_to(tmp_path / "disk" / "readings.db")
    assert "link" in str(old.renewal().accept())
    assert (old.path.is_symlink(), old.devices()) == (True, [])


def test_dangling_link_is_waited_for_and_left_alone(old: Home, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    shutil.move(old.path, tmp_path / "disk" / "readings.db")
    old.path.symlink_to(tmp_path / "disk" / "readings.db")
    old.collect("hue:on the disk")
    (tmp_path / "disk").rename(tmp_path / "away")
    for _ in range(2):
        with pytest.raises(StoreMissing, match="link"):
            old.collect()
    assert old.path.is_symlink()
    assert len(old.journal.of("store.away")) == 1
    with pytest.raises(StoreMissing, match="Remove the link"):
        old.renewal().accept()
    (tmp_path / "away").rename(tmp_path / "disk")
    old.collect()
    assert (old.missing(), old.path.is_symlink()) == (None, True)
    assert old.devices() == ["hue:new", "hue:old", "hue:on the disk"]


def test_disk_that_is_away_is_waited_for(old: Home) -> None:
    """As if the data folder had been on a mount of its own."""
    kept = old.path.rename(old.folder / "kept.db")
    content = json.loads(old.marker_file.read_text())
    content["databases"]["data/readings.db"]["mount_point"] = "data"
    old.marker_file.write_text(json.dumps(content))
    with pytest.raises(StoreMissing, match="was on a disk"):
        old.collect()
    assert not old.path.exists()
    kept.rename(old.path)
    old.collect()
    assert (old.missing(), old.devices()) == (None, ["hue:new", "hue:old"])


def test_disk_that_is_lost_is_left_when_a_person_accepts_it(old: Home) -> None:
    shutil.rmtree(old.path.parent)
    content = json.loads(old.marker_file.read_text())
    content["databases"]["data/readings.db"]["mount_point"] = "data"
    old.marker_file.write_text(json.dumps(content))
    assert "was on a disk" in str(old.renewal().accept())
    old.collect()
    assert old.devices() == ["hue:new"]


def _open(home: Home, clock: MemoryClock, identity: HomeIdentity | None = None) -> InterimStore:
    """The store of a process that starts at the clock's time, as far as it can be opened."""
    identity = identity or attrs.evolve(home.identity(), clock=clock)
    store = InterimStore(
        SqliteStore(home.path, journal=home.journal, clock=clock, state=home.state, identity=identity),
        identity=identity,
        kept=home.kept,
        spool=home.spool,
        journal=home.journal,
    )
    with suppress(StoreMissing):
        store.open(checking=False)
    return store


@pytest.mark.parametrize("kind", ["gone", "damaged", "away"])
def test_slot_that_the_missing_database_may_have_is_not_planned_again(old: Home, kind: str) -> None:
    """Its reading would take the place of the other one, or lose against it."""
    clock = MemoryClock(NOON + timedelta(seconds=100))
    old.path.unlink()
    if kind == "damaged":
        old.path.write_bytes(b"")
    if kind == "away":
        old.path.symlink_to(old.folder / "disk")
    for _ in range(2):
        store = _open(old, clock)
        assert store.progress("hue", NOON).is_stored
        assert not store.progress("hue", NOON).is_new(a_due())
        store.close()
    clock.advance(300)
    store = _open(old, clock)
    later = NOON + timedelta(seconds=300)
    if kind == "away":
        with pytest.raises(StoreMissing):
            store.progress("hue", later)
    else:
        assert not store.progress("hue", later).is_stored
    store.close()


def test_slot_of_a_process_that_began_before_it_is_planned(old: Home) -> None:
    """The database is begun in the slot, as there was no room for it before."""
    clock = MemoryClock(NOON - timedelta(seconds=300))
    old.path.unlink()
    identity = attrs.evolve(old.identity(), clock=clock)
    clock.advance(301)
    store = _open(old, clock, identity)
    assert store.progress("hue", NOON).is_new(a_due())
    store.close()


def test_slot_of_a_home_whose_database_was_always_there_is_planned(old: Home) -> None:
    assert not _open(old, MemoryClock(NOON)).progress("amazon", NOON).is_stored


def test_begin_again_keeps_the_former_database(old: Home) -> None:
    before = old.properties()
    kept = old.renewal().begin_again()
    assert kept is not None
    assert rows(kept, DEVICES) == [("hue:old",)]
    old.collect()
    assert (old.devices(), old.properties(), old.missing()) == (["hue:new"], before, None)


def test_begin_again_after_a_loss_ends_the_incident(old: Home) -> None:
    old.path.unlink()
    assert old.renewal().begin_again() is None
    old.collect()
    assert (old.devices(), old.missing()) == (["hue:new"], None)


def test_home_without_room_for_a_marker_warns_once(home: Home) -> None:
    for name in ("state", "second"):
        (home.folder / name).write_text("a file in its place")
    home.collect()
    (warned,) = home.journal.of("home.not_marked")
    assert warned.level is Level.WARNING
    assert home.identity().unmarked() is not None


SAME = Place(mount_point="data", device=40, file_system=7)


@pytest.mark.parametrize(
    ("other", "is_same"),
    [
        (SAME, True),
        (attrs.evolve(SAME, device=41), True),  # after a restart
        (attrs.evolve(SAME, file_system=8), False),
        (attrs.evolve(SAME, file_system=0), True),
        (attrs.evolve(SAME, device=41, file_system=0), False),
        (attrs.evolve(SAME, mount_point=""), False),
    ],
)
def test_mounts_are_compared(other: Place, is_same: bool) -> None:
    assert SAME.is_same(other) is is_same


@pytest.mark.parametrize(
    ("point", "name"),
    [("/", ""), ("{home}", ""), ("{home}/data", "data"), ("{other}", "{other}")],
)
def test_mount_point_is_relative_to_the_home(tmp_path: Path, point: str, name: str) -> None:
    home, other = tmp_path / "my home", tmp_path / "other"
    data = other / "data" if "other" in point else home / "data"
    data.mkdir(parents=True)
    mounts = tmp_path / "mounts"
    at = point.format(home=home, other=other).replace(" ", r"\040")
    mounts.write_text(f"1 0 8:1 / / rw - ext4 a rw\n2 1 8:2 / {at} rw - ext4 b rw\n")
    marker = HomeMarker((), home=home, mounts=mounts)
    assert marker.place_of(data / "not yet").mount_point == name.format(other=other)


@pytest.mark.parametrize("kind", ["gone", "away"])
def test_settings_of_devices_are_unknown_while_the_database_is_missing(old: Home, kind: str) -> None:
    store = _open(old, MemoryClock(NOON))
    assert store.settings().by_id == {}
    store.close()
    old.path.unlink()
    if kind == "away":
        old.path.symlink_to(old.folder / "disk")
    store = _open(old, MemoryClock(NOON))
    with pytest.raises(StoreError):
        store.settings()
    store.close()
