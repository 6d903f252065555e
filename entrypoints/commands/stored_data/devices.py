"""`homeclimate devices`: the devices of a home and their settings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import attrs
import click

from config.loading import load
from domain.device_settings import (
    Device,
    Setting,
    SettingChange,
    SettingValue,
    check_offset,
    find_devices,
)
from domain.reading import Quantity
from entrypoints.commands.options import home_option, json_option
from entrypoints.process import find_home
from entrypoints.terminal import devices_text
from entrypoints.terminal.devices_text import device_text, offset_text
from entrypoints.terminal.output import as_json, print_message
from entrypoints.wiring.environment import Environment
from entrypoints.wiring.home import Home, home_as_found
from entrypoints.wiring.storage import device_settings, full_ledger, measured_history, require_database
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


@click.group("devices", invoke_without_command=True)
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
        click.echo(as_json(devices_text.devices_object(devices.all())))
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
        click.echo(as_json(devices_text.changes_object(changes)))
    else:
        print_message(*devices_text.change_lines(changes))
    return 0


@command.command("offset", context_settings=_TAKES_NUMBERS)
@click.argument("device")
@click.argument("offset", type=float, required=False)
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
    devices = _Devices.of(home, environment)
    found = devices.find(device)
    if offset:
        try:
            devices.change(found, Setting.OFFSET, check_offset(quantity, offset), quantity)
        except ValueError as error:
            raise click.UsageError(str(error)) from error
        print_message(
            f"{device_text(found)}: {offset_text(quantity, offset)} is added to every {_words(quantity)} "
            "that is read. What was measured stays stored"
        )
    else:
        devices.change(found, Setting.OFFSET, None, quantity)
        print_message(f"{device_text(found)}: every {_words(quantity)} is shown as it was measured")
    return 0


@attrs.frozen(kw_only=True)
class _Devices:
    """The devices of a home."""

    home: Home

    @classmethod
    def of(cls, home: Path | None, environment: Environment | None) -> _Devices:
        found = home_as_found(load(find_home(home), needs_secrets=False), environment)
        require_database(found)
        return cls(home=found)

    @property
    def log(self) -> DeviceSettingsLog:
        return device_settings(self.home)

    def all(self) -> Sequence[Device]:
        """Return every device that has a reading or was in the ledger, by name."""
        settings = self.log.current()
        readings = {one.device_id: one for one in measured_history(self.home).newest()}
        sources = {one.device_id: one.source for one in full_ledger(self.home).devices()}
        devices = []
        for device_id in {*readings, *sources}:
            own, reading = settings.of(device_id), readings.get(device_id)
            devices.append(
                Device(
                    device_id=device_id,
                    name=own.name or (device_id if reading is None else reading.location),
                    kind="" if reading is None else reading.kind.value,
                    source=sources.get(device_id),
                    seen_at=None if reading is None else reading.observed_at or reading.collected_at,
                    settings=own,
                )
            )
        return sorted(devices, key=lambda one: (one.name, one.device_id))

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
