"""`homeclimate devices`: the devices of a home and their settings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import attrs
import click

from config.loading import load_to_read
from domain.device_settings import (
    Device,
    Setting,
    SettingChange,
    SettingValue,
    check_name,
    check_offset,
    check_plausible,
    find_devices,
)
from domain.reading import Quantity
from domain.services.adjusted_readers import known_devices
from entrypoints import exit_codes
from entrypoints.commands.options import CommandGroup, Number, home_option, json_option
from entrypoints.process import find_home
from entrypoints.terminal import devices_text
from entrypoints.terminal.cycle_text import unit_text
from entrypoints.terminal.devices_text import device_text, offset_text
from entrypoints.terminal.output import as_json, print_message
from entrypoints.terminal.prompts import Prompts
from entrypoints.wiring.environment import Environment
from entrypoints.wiring.home import Home, home_as_found
from entrypoints.wiring.storage import (
    back_up_before,
    device_settings,
    full_ledger,
    measured_history,
    rename_stored,
    require_database,
)
from ports.stored_data import DeviceSettingsLog

_MOST_NAMED = 5
# A number that begins with a minus is no option.
_TAKES_NUMBERS = {"ignore_unknown_options": True}

quantity_option = click.option(
    "--quantity",
    type=click.Choice([quantity.value for quantity in Quantity]),
    default=Quantity.TEMPERATURE.value,
    show_default=True,
    callback=lambda _context, _option, value: Quantity(value),
    help="Of which quantity.",
)
remove_option = click.option("--remove", "is_removed", is_flag=True, help="Take the setting away.")


@click.group("devices", cls=CommandGroup, invoke_without_command=True)
@home_option
@json_option
@click.pass_context
def command(context: click.Context, *, home: Path | None, is_json: bool) -> int:
    """List the devices, or change the settings of one: its name, its offset, and what is expected of it.

    DEVICE is an id or a name, or a part of one. A running collector obeys a change at its next cycle. Exit
    code: 0 done, 1 the database cannot be read or written to, 64 wrong usage or no such device, 78 wrong
    configuration.
    """
    if context.invoked_subcommand is not None:
        return 0
    devices = _Devices.of(home, context.obj)
    if is_json:
        print_message(as_json(devices_text.devices_object(devices.all())))
    else:
        print_message(*devices_text.device_lines(devices.all(), devices.home.clock.now()))
    return 0


@command.command("history")
@click.argument("device", required=False)
@home_option
@json_option
@click.pass_obj
def history_command(
    environment: Environment | None, *, device: str | None, home: Path | None, is_json: bool
) -> int:
    """List the changes of all settings, or of one device's, the newest last."""
    devices = _Devices.of(home, environment)
    changes = devices.log.changes()
    if device is not None:
        device_id = devices.find(device).device_id.lower()
        changes = [change for change in changes if change.device_id.lower() == device_id]
    if is_json:
        print_message(as_json(devices_text.changes_object(changes)))
    else:
        print_message(*devices_text.change_lines(changes))
    return 0


@command.command("offset", context_settings=_TAKES_NUMBERS)
@click.argument("device")
@click.argument("offset", type=Number(), required=False)
@quantity_option
@remove_option
@home_option
@click.pass_obj
def offset_command(
    environment: Environment | None,
    *,
    device: str,
    offset: float | None,
    quantity: Quantity,
    is_removed: bool,
    home: Path | None,
) -> int:
    """Add OFFSET, such as -1.3, to what DEVICE measures, wherever values are read.

    What was measured stays stored. 0 or --remove takes the offset away.
    """
    if is_removed == (offset is not None):
        raise click.UsageError("name an offset such as -1.3, or --remove")
    devices, found = _found(home, environment, device)
    if offset:
        with _usage_errors():
            devices.change(found, Setting.OFFSET, check_offset(quantity, offset), quantity)
        print_message(
            f"{device_text(found)}: {offset_text(quantity, offset)} is added to every {_words(quantity)} "
            "that is read. What was measured stays stored"
        )
    else:
        devices.change(found, Setting.OFFSET, None, quantity)
        print_message(f"{device_text(found)}: every {_words(quantity)} is shown as it was measured")
    return 0


@command.command("plausible", context_settings=_TAKES_NUMBERS)
@click.argument("device")
@click.argument("least", type=Number(), required=False, metavar="[MIN]")
@click.argument("most", type=Number(), required=False, metavar="[MAX]")
@quantity_option
@remove_option
@home_option
@click.pass_obj
def plausible_command(
    environment: Environment | None,
    *,
    device: str,
    least: float | None,
    most: float | None,
    quantity: Quantity,
    is_removed: bool,
    home: Path | None,
) -> int:
    """Mark values of DEVICE below MIN or above MAX as anomalous, offset included; none is dropped.

    --remove brings back the range of the configuration.
    """
    if (least is None or most is None) != is_removed:
        raise click.UsageError("name MIN and MAX, such as -10 45, or --remove")
    devices, found = _found(home, environment, device)
    if least is None or most is None:
        devices.change(found, Setting.PLAUSIBLE, None, quantity)
        print_message(f"{device_text(found)}: the usual range of {_words(quantity)} counts again")
        return 0
    with _usage_errors():
        devices.change(found, Setting.PLAUSIBLE, check_plausible(quantity, least, most), quantity)
    limits = f"{least:g} to {most:g} {unit_text(quantity)}".rstrip()
    print_message(
        f"{device_text(found)}: from the next cycle on, a {_words(quantity)} outside {limits} is marked as "
        "anomalous"
    )
    return 0


@command.command("outdoor")
@click.argument("device")
@remove_option
@home_option
@click.pass_obj
def outdoor_command(
    environment: Environment | None, *, device: str, is_removed: bool, home: Path | None
) -> int:
    """Note that DEVICE is outdoors, where other values are plausible than in a room."""
    devices, found = _found(home, environment, device)
    devices.change(found, Setting.OUTDOOR, None if is_removed else True)
    place = "indoors: the ranges of a room count" if is_removed else "outdoors: no range of a room counts"
    print_message(f"{device_text(found)} is {place} from the next cycle on")
    return 0


@command.command("ignore")
@click.argument("device")
@remove_option
@home_option
@click.pass_obj
def ignore_command(
    environment: Environment | None, *, device: str, is_removed: bool, home: Path | None
) -> int:
    """Stop collecting readings of DEVICE. What is stored stays, and is not shown."""
    devices, found = _found(home, environment, device)
    devices.change(found, Setting.IGNORED, None if is_removed else True)
    if is_removed:
        print_message(f"{device_text(found)} is shown again, and collected from the next cycle on")
    else:
        undo = f"`homeclimate devices ignore {found.device_id} --remove`"
        print_message(
            f"{device_text(found)}: its readings are NOT collected any more, from the next cycle on. What is "
            f"stored stays, and is not shown. {undo} ends this"
        )
    return 0


@command.command("rename")
@click.argument("device")
@click.argument("name", required=False)
@click.option("--history", "is_history", is_flag=True, help="Rename the stored readings too, after a backup.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@remove_option
@home_option
@click.pass_obj
def rename_command(
    environment: Environment | None,
    *,
    device: str,
    name: str | None,
    is_history: bool,
    yes: bool,
    is_removed: bool,
    home: Path | None,
) -> int:
    """Call DEVICE by NAME instead of the name that its source gives; all of its readings are shown so.

    --remove brings back the name of the source, with the next cycle.
    """
    if is_removed == (name is not None) or (is_removed and is_history):
        raise click.UsageError("name the new NAME, or --remove alone")
    devices, found = _found(home, environment, device)
    if name is None:
        devices.change(found, Setting.NAME, None)
        print_message(f"{found.device_id} has the name that its source gives, from the next cycle on")
        return 0
    with _usage_errors():
        name = check_name(name)
    if is_history:
        return _rename_history(devices, found, name, None if yes else Prompts())
    devices.change(found, Setting.NAME, name)
    print_message(
        f"{device_text(found)} is called {name} from now on. Stored readings keep the name that they have, "
        "and are shown under the new one; --history renames them too"
    )
    return 0


def _rename_history(devices: _Devices, device: Device, name: str, prompts: Prompts | None) -> int:
    """Ask, make a backup, and rename the stored readings too; return the exit code."""
    if prompts is not None and not prompts.is_interactive:
        raise click.UsageError("there is no terminal to ask at; add --yes to rename without a question")
    question = f"Rename all stored readings of {device_text(device)} to {name}, after a backup?"
    if prompts is not None and not prompts.confirm(question, default=False):
        print_message("nothing is changed")
        return exit_codes.FAILED
    backup = back_up_before(devices.home, "rename")
    print_message(f"{backup.file}: {backup.size_bytes / 1e6:.1f} MB, verified. Delete it once all is well")
    for finding in backup.findings:
        print_message(f"not what was stored, here and in the database: {finding}", err=True)
    devices.change(device, Setting.NAME, name)
    renamed = rename_stored(devices.home, device.device_id, name)
    print_message(f"{device_text(device)} is called {name} from now on, and in {renamed:,} stored readings")
    return 0


def _found(home: Path | None, environment: Environment | None, device: str) -> tuple[_Devices, Device]:
    devices = _Devices.of(home, environment)
    return devices, devices.find(device)


@contextmanager
def _usage_errors() -> Iterator[None]:
    """Raise a value that is refused as wrong usage."""
    try:
        yield
    except ValueError as error:
        raise click.UsageError(str(error)) from error


@attrs.frozen(kw_only=True)
class _Devices:
    """The devices of a home."""

    home: Home

    @classmethod
    def of(cls, home: Path | None, environment: Environment | None) -> _Devices:
        found = home_as_found(load_to_read(find_home(home)), environment)
        require_database(found)
        return cls(home=found)

    @property
    def log(self) -> DeviceSettingsLog:
        return device_settings(self.home)

    def all(self) -> Sequence[Device]:
        """Return every device that has a reading or was in the ledger, by name."""
        return known_devices(measured_history(self.home), full_ledger(self.home), self.log.current())

    def find(self, text: str) -> Device:
        """Return the device that the text stands for. Raise UsageError unless it is exactly one."""
        devices = self.all()
        found = find_devices(text, devices)
        if len(found) == 1:
            return found[0]
        if not devices:
            raise click.UsageError("no device is known yet. Run `homeclimate collect --once` first")
        if found:
            raise click.UsageError(f"{text!r} stands for {_list(found)}. Write more of it")
        raise click.UsageError(f"there is no device {text!r}. The devices are {_list(devices)}")

    def change(
        self, device: Device, setting: Setting, value: SettingValue, quantity: Quantity | None = None
    ) -> None:
        self.log.add(
            SettingChange(
                at=self.home.clock.now(),
                device_id=device.device_id,
                setting=setting,
                quantity=quantity,
                value=value,
            )
        )


def _list(devices: Sequence[Device]) -> str:
    named = ", ".join(map(device_text, devices[:_MOST_NAMED]))
    surplus = len(devices) - _MOST_NAMED
    return f"{named} and {surplus} more, which `homeclimate devices` lists" if surplus > 0 else named


def _words(quantity: Quantity) -> str:
    return quantity.value.replace("_", " ")
