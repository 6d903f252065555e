"""What every part of a home needs, built once and passed: settings, secrets, clock, journal and state."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, partial

import attrs

from adapters.files.data_folder import DataFolder
from adapters.files.home_marker import HomeMarker
from adapters.files.saved_state import SavedState
from adapters.files.spool.file_spool import FileSpool
from adapters.files.state_file import FileState, StateCopy
from adapters.health.machine import DiskSpace
from adapters.log.journals import Journals, RewordingJournal, StderrJournal
from adapters.log.rotating_log import RotatingLog
from adapters.memory.null import NullJournal
from adapters.sqlite.identity.home_identity import HomeIdentity
from config.files import HomeFiles, is_demo_home
from config.loading import CurrentSecrets, Loaded
from config.secrets import Secrets
from config.settings import Settings
from domain.redaction import Redactor
from entrypoints.process import typed_anywhere
from entrypoints.wiring.environment import Environment
from ports.clock import Clock
from ports.journal import Journal, Level
from ports.spool import Spool
from ports.state import State

ALERT_FILE_SOURCE = "amazon"  # the name of the file is older than the program: it is about this source


@attrs.frozen(kw_only=True, slots=False)
class Home:
    """A home as one process uses it. Building one opens nothing."""

    loaded: Loaded
    environment: Environment
    redactor: Redactor
    journal: Journal
    state: State = attrs.field(
        default=attrs.Factory(
            lambda home: FileState(
                home.files.state, home.journal, data=home.data, spares=home.files.spare_states
            ),
            takes_self=True,
        )
    )

    @property
    def redact(self) -> Callable[[str], str]:
        return self.redactor.redact

    @cached_property
    def current(self) -> CurrentSecrets:
        """The secrets as they are now; new ones are redacted before they are used."""
        return CurrentSecrets(self.loaded, lambda secrets: self.redactor.learn(tuple(secrets.values())))

    @property
    def settings(self) -> Settings:
        return self.loaded.settings

    @property
    def secrets(self) -> Secrets:
        return self.loaded.secrets

    @property
    def clock(self) -> Clock:
        return self.environment.clock

    @cached_property
    def files(self) -> HomeFiles:
        return HomeFiles(home=self.loaded.home, database=self.settings.storage.database_path)

    @cached_property
    def data(self) -> DataFolder:
        """The data folder; nothing is made in it while it is away."""
        is_missing = partial(self.marker.lacks_folder, self.files.database)
        return DataFolder(self.files.folder, is_missing=is_missing)

    @cached_property
    def marker(self) -> HomeMarker:
        return HomeMarker(self.files.lasting_folders, home=self.loaded.home)

    @property
    def saved_state(self) -> SavedState:
        return SavedState(self.state)

    @cached_property
    def identity(self) -> HomeIdentity | None:
        """What knows the home from others; None for one that may begin again at any time, as the demo's."""
        if self.environment.is_simulated and not self.environment.has_identity:
            return None
        return HomeIdentity(
            path=self.files.database,
            marker=self.marker,
            state=self.state,
            journal=self.journal,
            clock=self.clock,
            is_other_configuration=self.loaded.is_other_configuration,
            journal_file=self.settings.logging.log_file_path,
        )

    @property
    def spool(self) -> FileSpool:
        lasting = [folder / "spool" for folder in self.files.lasting_folders]
        former = self.files.former_spools(self.marker.former_homes())
        return FileSpool(
            self.files.spool,
            *lasting,
            former=former,
            clock=self.clock,
            journal=self.journal,
            is_new=lambda: self.identity is not None and self.identity.is_database_lost(),
        )

    @property
    def interim_cycles(self) -> Spool:
        """The cycles in an interim database, which a found one may replace."""
        folders = self.files.interim_cycles
        return FileSpool(*folders, clock=self.clock, journal=self.journal, reserve_bytes=0)


def home_of(loaded: Loaded, environment: Environment | None = None, *, level: Level = Level.WARNING) -> Home:
    """Build the home for a command that logs to stderr; the log files are the collector's."""
    redactor = Redactor(tuple(loaded.secrets.values()))
    journal = RewordingJournal(StderrJournal(redactor.redact, level=level), typed_anywhere(loaded.home))
    return Home(loaded=loaded, environment=environment or Environment(), redactor=redactor, journal=journal)


def home_as_found(loaded: Loaded, environment: Environment | None = None) -> Home:
    """Build the home for a command on its files; a simulated one, such as the demo's, is treated as that."""
    environment = environment or Environment()
    is_simulated = environment.is_simulated or is_demo_home(loaded.config_path)
    return home_of(loaded, attrs.evolve(environment, is_simulated=is_simulated))


def checked_home(loaded: Loaded, environment: Environment) -> Home:
    """Build the home for a check, which logs nothing and saves no state."""
    home = Home(loaded=loaded, environment=environment, redactor=Redactor(()), journal=NullJournal())
    return attrs.evolve(home, state=StateCopy(home.state))


def log_of(settings: Settings, environment: Environment, redactor: Redactor) -> RotatingLog:
    """Return the log files of the home."""
    logging = settings.logging
    folder = logging.log_file_path.parent
    return RotatingLog(
        folder,
        redact=redactor.redact,
        clock=environment.clock,
        level=Level[logging.level],
        name=logging.log_file_path.name.removesuffix(".log"),
        max_bytes=logging.max_bytes,
        backups=logging.backup_count,
        free_bytes=DiskSpace(folder).free_bytes,
        on_failure=StderrJournal(redactor.redact).complain,
    )


def collecting_home(loaded: Loaded, environment: Environment) -> Home:
    """Build the home for a collector, which logs to files if this is configured.

    It logs to stderr while the data folder is away, if the logs are in it.
    """
    logging = loaded.settings.logging
    level = environment.stderr_level
    home = home_of(loaded, environment, level=level or Level.CRITICAL)
    is_in_data = logging.log_file_path.is_relative_to(home.files.folder)
    if not (logging.enable_file_logging and environment.log_to_files) or (
        is_in_data and home.marker.absence(home.files.database) is not None
    ):
        return home
    redactor = Redactor(tuple(loaded.secrets.values()))
    log = log_of(loaded.settings, environment, redactor)
    journals = log if level is None else Journals(log, StderrJournal(redactor.redact, level=level))
    journal = RewordingJournal(journals, typed_anywhere(loaded.home))
    return Home(loaded=loaded, environment=environment, redactor=redactor, journal=journal)
