"""Turns nodes into settings, and gathers everything that does not fit instead of stopping at the first."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import attrs
import cattrs
from cattrs.gen import make_dict_structure_fn

from config import scalars
from config.checks import checked
from config.faults import Misfit, Report
from config.limits import formed, limited
from config.markers import Form, NoEffect
from config.secrets import Secret
from config.suggestions import closest, paths_by_name
from config.yaml_nodes import Node, Table

T = TypeVar("T")
_Taken = Callable[[Node], Any]
_SYNONYMS = {
    "WARN": "WARNING",
    "FATAL": "CRITICAL",
    "NOTSET": "DEBUG",
}  # what logging itself takes for a level


def structured(node: Node, due: type[T], report: Report, *, may_hold_others: bool = False) -> T | None:
    """The value of the type that is due; None when something does not fit, and then the report has faults.

    Unknown keys are warned of; where the node may hold others' keys, only those that are like a known one.
    """
    try:
        return _Structuring(due, report, may_hold_others).converter.structure(node, due)
    except (Misfit, ExceptionGroup) as error:
        report.misfits(error)
        return None


class _Structuring:
    """A converter whose hooks take nodes, and tell the report what is not worth stopping for."""

    def __init__(self, root: type, report: Report, may_hold_others: bool) -> None:
        self._report = report
        self._may_hold_others = may_hold_others
        self._root = root
        # Unknown keys are taken out, with a warning, before cattrs sees them: it shall find none.
        self.converter = cattrs.Converter(detailed_validation=True, forbid_extra_keys=True)
        for due, taken in _SCALARS.items():
            self.converter.register_structure_hook(due, _hook(taken))
        for is_such, factory in (
            (attrs.has, self._section),
            (_is(Literal), _choice),
            (_is(tuple), self._list),
            (_is(Mapping), self._names),
            (_is(Union, types.UnionType), self._optional),
            (_is(Annotated), self._marked),
        ):
            self.converter.register_structure_hook_factory(
                is_such, lambda due, made=factory: _hook(made(due))
            )

    @cached_property
    def _elsewhere(self) -> Mapping[str, str]:
        """Asked for only where a key is unknown."""
        return paths_by_name(self._root)

    def _section(self, due: type) -> _Taken:
        fields = attrs.fields_dict(due)

        @cache
        def inner() -> Callable[[Any, Any], Any]:
            """Made when a file has such a section: most have few, and cattrs compiles a function for each."""
            return make_dict_structure_fn(due, self.converter)

        def take(node: Node) -> Any:
            table = scalars.table_of(node)
            missing = [
                Misfit(table.place_of(name), "is missing")
                for name, field in fields.items()
                if field.default is attrs.NOTHING and name not in table
            ]
            try:
                value = inner()(self._known(table, fields), due)
            except cattrs.ClassValidationError as group:
                others = [error for error in group.exceptions if not isinstance(error, KeyError)]
                raise ExceptionGroup(due.__name__, [*missing, *others]) from None
            return checked(value, table, self._report)

        return take

    def _known(self, table: Table, fields: Iterable[str]) -> Table:
        known = Table(table.place)
        for name, node in table.items():
            place = table.key_places[name]
            if name in fields:
                known.put(name, place, node)
            else:
                meant = closest(name, fields) or self._elsewhere.get(name)
                hint = f"; did you mean {meant}?" if meant else ""
                if meant or not self._may_hold_others:
                    self._report.mistake(place, f"unknown key, ignored{hint}")
        return known

    def _list(self, due: Any) -> _Taken:
        take = self._taken(get_args(due)[0])
        return lambda node: tuple(_all(take, scalars.items_of(node)))

    def _names(self, due: Any) -> _Taken:
        take = self._taken(get_args(due)[1])

        def take_names(node: Node) -> dict[str, Any]:
            # A name with nothing behind it is as good as not there.
            named = {
                name: inner for name, inner in scalars.table_of(node).items() if not scalars.is_blank(inner)
            }
            return dict(zip(named, _all(take, named.values()), strict=True))

        return take_names

    def _optional(self, due: Any) -> _Taken:
        inner = next(arm for arm in get_args(due) if arm is not type(None))
        take = self._taken(inner)
        is_text = (get_args(inner)[0] if get_origin(inner) is Annotated else inner) in (str, Secret)
        is_absent = scalars.is_blank if is_text else scalars.is_nothing
        return lambda node: None if is_absent(node) else take(node)

    def _marked(self, due: Any) -> _Taken:
        plain, *markers = get_args(due)
        form = next((marker for marker in markers if isinstance(marker, Form)), None)
        take = self._taken(plain) if form is None else formed(form)

        def take_marked(node: Node) -> Any:
            for marker in markers:
                if isinstance(marker, NoEffect):
                    self._report.warn(node.place, f"has no effect: {marker.because}")
            return limited(take(node), markers, node.place, self._report)

        return take_marked

    def _taken(self, due: Any) -> _Taken:
        hook = self.converter.get_structure_hook(due)
        return lambda node: hook(node, due)


_SCALARS: Mapping[type, _Taken] = {
    bool: scalars.boolean_of,
    int: scalars.whole_number_of,
    float: scalars.number_of,
    str: scalars.text_of,
    Path: scalars.path_of,
    Secret: scalars.secret_of,
}


def _hook(take: _Taken) -> Callable[[Any, Any], Any]:
    return lambda node, _due: take(node)


def _is(*origins: Any) -> Callable[[Any], bool]:
    return lambda due: get_origin(due) in origins


def _choice(due: Any) -> _Taken:
    choices = {choice.lower(): choice for choice in get_args(due)}

    def take(node: Node) -> str:
        text = scalars.text_of(node)
        found = choices.get(_SYNONYMS.get(text.upper(), text).lower())
        if found is None:
            meant = closest(text, choices)
            hint = f"; did you mean {choices[meant]}?" if meant else ""
            raise Misfit(node.place, f"must be one of {', '.join(choices.values())}{hint}")
        return str(found)

    return take


def _all(take: _Taken, nodes: Iterable[Node]) -> list[Any]:
    """Every node taken, or all the misfits among them at once."""
    taken, errors = [], []
    for node in nodes:
        try:
            taken.append(take(node))
        except (Misfit, ExceptionGroup) as error:
            errors.append(error)
    if errors:
        raise ExceptionGroup("items", errors)
    return taken
