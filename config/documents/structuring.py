"""Turns a document into settings or secrets with cattrs, and reports everything that does not fit at once."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import attrs
import cattrs
from cattrs.cols import homogenous_tuple_structure_factory, mapping_structure_factory
from cattrs.gen import make_dict_structure_fn

from config.cross_checks import conflicts
from config.documents.problems import KeyPath, Report
from config.documents.yaml_document import Content, Document, Plain
from config.refresh_token import RefreshToken, refresh_token
from config.secrets import AlertSecret, Secret
from config.setting_types import Rule, TextForm

T = TypeVar("T")
_Hook = Callable[[Any, Any], Any]
_YES_OR_NO, _WHOLE_NUMBER, _NUMBER, _TEXT = "yes or no", "a whole number", "a number", "a text"
_YES, _NO = ("yes", "true", "on"), ("no", "false", "off")
# What a value without quotes can mean: the booleans of YAML 1.1, and numbers as people write them, without
# leading zeros (0600 is 384 in YAML 1.1) and sixties (13:00 is 780 in YAML 1.1).
_MEANINGS = {
    _YES_OR_NO: "|".join(f"{word}|{word.title()}|{word.upper()}" for word in (*_YES, *_NO)),
    _WHOLE_NUMBER: r"[-+]?(0b[01][01_]{,39}|0x[0-9a-fA-F][0-9a-fA-F_]{,39}|0|[1-9][0-9_]{,39})",
    _NUMBER: r"[-+]?([0-9][0-9_]{,39}\.[0-9_]{,39}|\.[0-9][0-9_]{,39})([eE][-+]?[0-9]{1,9})?"
    r"|[-+]?[0-9][0-9_]{,39}[eE][-+]?[0-9]{1,9}|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
}
_LEVEL_SYNONYMS = {"WARN": "WARNING", "FATAL": "CRITICAL", "NOTSET": "DEBUG"}  # those of Python's logging
_SIMILAR = 0.7  # finds interval_seconds for "intervall_second", and not "level" for "name"


def structure(
    document: Document,
    due: type[T],
    report: Report,
    *,
    ignores_unknown: bool = False,
    dispensable: str | None = None,
) -> T | None:
    """Return the content as the class that is due; None if something does not fit.

    Unknown keys are reported; with `ignores_unknown`, only those that resemble a known one. What does not fit
    in the `dispensable` section is reported and left out.
    """
    _Checker(document, due, report, ignores_unknown).check(document.content, due, ())
    try:
        return _converter().structure(document.content, due)
    except (cattrs.BaseValidationError, ValueError) as error:
        causes = tuple(_causes(error, ()))
    content = document.content
    for path, message in causes:
        if dispensable is not None and path[:1] == (dispensable,):
            report.error(document.place(path), message)
            content = _without(content, path[:2])
        else:
            report.fatal(document.place(path), message)
    is_usable = all(path[:1] == (dispensable,) for path, _ in causes)
    return _converter().structure(content, due) if is_usable else None


def _without(content: Content, path: KeyPath) -> Content:
    """Return a copy of the sections without the key at the path."""
    key = path[0]
    if not isinstance(content, dict) or not isinstance(key, str) or key not in content:
        return content
    others = {name: value for name, value in content.items() if name != key}
    return {**others, key: _without(content[key], path[1:])} if path[1:] else others


def _causes(error: Exception, path: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    """Yield the path and the message of each error that cattrs collected."""
    match error:
        case cattrs.ClassValidationError() | cattrs.IterableValidationError():
            noted, others = error.group_exceptions()
            for cause, note in noted:
                part = note.name if isinstance(note, cattrs.AttributeValidationNote) else note.index
                yield from _causes(cause, (*path, part))
            for cause in others:
                yield from _causes(cause, path)
        case _Conflicts():
            yield from (((*path, key), message) for key, message in error.conflicts)
        case KeyError():
            yield path, "is missing"
        case ValueError():
            yield path, str(error)
        case _:
            raise error


class _Conflicts(ValueError):
    def __init__(self, conflicts: tuple[tuple[str, str], ...]) -> None:
        super().__init__("keys of the section contradict each other")
        self.conflicts = conflicts


@cache
def _converter() -> cattrs.Converter:
    """Return the converter whose input is the content of a document, in which every type is open."""
    converter = cattrs.Converter(detailed_validation=True)
    scalars: Mapping[type, Callable[[Content], object]] = {
        bool: _boolean,
        int: _whole_number,
        float: _number,
        str: _text,
        Path: _path,
        Secret: _secret,
        AlertSecret: lambda value: AlertSecret(_written_text(value)),
        RefreshToken: refresh_token,
    }
    for due, convert in scalars.items():
        converter.register_structure_hook(due, _hook(convert))
    factories: Mapping[Callable[[Any], bool], Callable[[Any, cattrs.Converter], _Hook]] = {
        attrs.has: _section,
        _has_origin(Literal): lambda due, _: _hook(partial(_choice, get_args(due))),
        _has_origin(tuple): _list,
        _has_origin(Mapping): _mapping,
        _has_origin(Union, UnionType): _optional,
        _has_origin(Annotated): _annotated,
    }
    for is_due, factory in factories.items():
        converter.register_structure_hook_factory(is_due, factory)
    return converter


def _hook(convert: Callable[[Content], object]) -> _Hook:
    return lambda value, _due: convert(value)


def _has_origin(*origins: Any) -> Callable[[Any], bool]:
    return lambda due: get_origin(due) in origins


def _section(due: type, converter: cattrs.Converter) -> _Hook:
    @cache
    def compiled() -> _Hook:
        """Let cattrs compile a function only for a section that a file contains: most contain few."""
        return make_dict_structure_fn(due, converter)

    def hook(value: Content, _: Any) -> Any:
        section = compiled()(_expected(value, dict, "a section (name: value)"), due)
        if found := tuple(conflicts(section)):
            raise _Conflicts(found)
        return section

    return hook


def _list(due: Any, converter: cattrs.Converter) -> _Hook:
    structure_items = homogenous_tuple_structure_factory(due, converter)
    return lambda value, _: structure_items(_expected(value, list, "a list (- item)"), due)


def _mapping(due: Any, converter: cattrs.Converter) -> _Hook:
    structure_values = mapping_structure_factory(due, converter, structure_to=dict)

    def hook(value: Content, _: Any) -> Any:
        content = _expected(value, dict, "a section (name: value)")
        # A name without a value counts as absent.
        return structure_values({name: each for name, each in content.items() if not _is_blank(each)}, due)

    return hook


def _optional(due: Any, converter: cattrs.Converter) -> _Hook:
    inner = next(each for each in get_args(due) if each is not type(None))
    structure_inner = converter.get_structure_hook(inner)
    is_text = _without_rules(inner)[0] in (str, Secret, AlertSecret, RefreshToken)

    def hook(value: Content, _: Any) -> Any:
        is_absent = _is_blank(value) if is_text else value is None
        return None if is_absent else structure_inner(value, inner)

    return hook


def _annotated(due: Any, converter: cattrs.Converter) -> _Hook:
    plain, rules = _without_rules(due)
    has_form = any(isinstance(rule, TextForm) for rule in rules)
    structure_plain = _hook(_written_text) if has_form else converter.get_structure_hook(plain)

    def hook(value: Content, _: Any) -> Any:
        result = structure_plain(value, plain)
        for rule in rules:
            result = rule(result)
        return result

    return hook


def _without_rules(due: Any) -> tuple[Any, tuple[Rule, ...]]:
    """Return the type without None and without its rules, and the rules."""
    if get_origin(due) in (Union, UnionType):
        due = next(each for each in get_args(due) if each is not type(None))
    if get_origin(due) is Annotated:
        plain, *rules = get_args(due)
        return plain, tuple(rules)
    return due, ()


def _expected(value: Content, shape: type[T], description: str) -> T:
    """Return a section or a list; one whose lines are all commented out is empty."""
    if value is None:
        return shape()
    if isinstance(value, shape):
        return value
    raise ValueError(f"must be {description}, not {_described(value)}")


def _is_blank(value: Content) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _meaning(text: str) -> str:
    return next((name for name, pattern in _MEANINGS.items() if re.fullmatch(pattern, text)), _TEXT)


def _described(value: Content, *due: str) -> str:
    match value:
        case None:
            return "empty; remove the line for the default"
        case dict():
            return "a section"
        case list():
            return "a list"
        case Plain():
            return _meaning(value)
    return "a text in quotes; remove the quotes" if _meaning(value) in due else _TEXT


def _plain(value: Content, *due: str) -> str:
    """Return a value without quotes that has one of these meanings."""
    if isinstance(value, Plain) and _meaning(value) in due:
        return value
    raise ValueError(f"must be {due[0]}, not {_described(value, *due)}")


def _boolean(value: Content) -> bool:
    return _plain(value, _YES_OR_NO).lower() in _YES


def _whole_number(value: Content) -> int:
    return int(_plain(value, _WHOLE_NUMBER).replace("_", ""), 0)


def _number(value: Content) -> float:
    text = _plain(value, _NUMBER, _WHOLE_NUMBER)
    if _meaning(text) == _WHOLE_NUMBER:
        return float(_whole_number(value))
    number = float(text.replace("_", "").lower().replace(".inf", "inf").replace(".nan", "nan"))
    if not math.isfinite(number):
        raise ValueError("must be a finite number")
    return number


def _text(value: Content) -> str:
    """Return the text as it is written, so that `off` is a text here; a number needs quotes to be one."""
    if isinstance(value, Plain) and _meaning(value) in (_NUMBER, _WHOLE_NUMBER):
        raise ValueError(f"must be a text, not {_meaning(value)}; put it in quotes")
    return _written_text(value)


def _written_text(value: Content) -> str:
    """Return the text as it is written, even if it looks like a number."""
    if isinstance(value, dict | list):
        raise ValueError(f"must be a text, not {_described(value)}")  # noqa: TRY004 - it is about the file
    text = (value or "").strip()
    if not text:
        raise ValueError("must be a text, and is empty")
    if not text.isprintable():
        raise ValueError("contains a control character or a line break")
    return text


def _path(value: Content) -> Path:
    try:
        return Path(_text(value)).expanduser()
    except RuntimeError:
        raise ValueError("starts with the home folder (~) of a user that does not exist") from None


def _secret(value: Content) -> Secret:
    text = _written_text(value)
    if not text.isascii():
        raise ValueError("contains a character outside ASCII, which a header cannot carry")
    return Secret(text)


def _choice(choices: tuple[str | bool, ...], value: Content) -> str | bool:
    if True in choices and isinstance(value, Plain) and _meaning(value) == _YES_OR_NO:
        return _boolean(value)
    text = _text(value)
    names = {choice.lower(): choice for choice in choices if isinstance(choice, str)}
    chosen = names.get(_LEVEL_SYNONYMS.get(text.upper(), text).lower())
    if chosen is None:
        similar = most_similar(text, names)
        hint = f"; did you mean {names[similar]}?" if similar else ""
        raise ValueError(f"must be one of {', '.join(map(_choice_text, choices))}{hint}")
    return chosen


def _choice_text(choice: str | bool) -> str:
    return choice if isinstance(choice, str) else ("yes" if choice else "no")


class _Checker:
    """Reports the keys of a document that are unknown, and the values that do not count as written."""

    def __init__(self, document: Document, root: type, report: Report, ignores_unknown: bool) -> None:
        self._document = document
        self._root = root
        self._report = report
        self._ignores_unknown = ignores_unknown

    def check(self, value: Content, due: Any, path: KeyPath) -> None:
        due, rules = _without_rules(due)
        if attrs.has(due) and isinstance(value, dict):
            fields = attrs.fields_dict(attrs.resolve_types(due))
            for name, inner in value.items():
                if name in fields:
                    self.check(inner, fields[name].type, (*path, name))
                else:
                    self._report_unknown((*path, name), name, fields)
        elif get_origin(due) is tuple and isinstance(value, list):
            for index, item in enumerate(value):
                self.check(item, get_args(due)[0], (*path, index))
        elif rules and value is not None:
            self._check_rules(value, due, rules, path)

    def _check_rules(self, value: Content, due: Any, rules: tuple[Rule, ...], path: KeyPath) -> None:
        with suppress(ValueError):  # which structuring reports
            counted = _converter().structure(value, due)
            for rule in rules:
                if warning := rule.warning(counted):
                    self._report.warning(self._document.place(path), warning)
                counted = rule(counted)

    def _report_unknown(self, path: KeyPath, name: str, known: Iterable[str]) -> None:
        similar = most_similar(name, known) or _only_paths(self._root).get(name)
        if similar or not self._ignores_unknown:
            hint = f"; did you mean {similar}?" if similar else ""
            self._report.warning(self._document.keys[path], f"unknown key, ignored{hint}")


def most_similar(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that a person may have meant; None if none resembles it."""
    names = {each.lower().replace("-", "_"): each for each in known}
    written = name.lower().replace("-", "_")
    found = difflib.get_close_matches(written, names, n=1, cutoff=_SIMILAR)
    return names[found[0]] if found else None


def paths_of(root: type, prefix: str = "") -> Iterator[str]:
    """Yield the paths of all sections and keys of a class of settings."""
    for field in attrs.fields(attrs.resolve_types(root)):
        yield f"{prefix}{field.name}"
        if attrs.has(field.type):
            yield from paths_of(field.type, f"{prefix}{field.name}.")


def _only_paths(root: type) -> Mapping[str, str]:
    """Return the path of each key that only one section has."""
    paths: dict[str, list[str]] = {}
    for path in paths_of(root):
        paths.setdefault(path.rpartition(".")[2], []).append(path)
    return {name: found[0] for name, found in paths.items() if len(found) == 1}
