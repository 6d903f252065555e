"""A GraphQL request, as it was read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from domain.values import frozen


@frozen
class Variable:
    """Stands for a value that comes beside the text."""

    name: str


@frozen(kw_only=True)
class Field:
    """One asked field. `selections` is None where nothing of it was picked out."""

    name: str
    alias: str
    arguments: Mapping[str, object]
    directives: Mapping[str, Mapping[str, object]]
    selections: Selections | None


@frozen(kw_only=True)
class Spread:
    """Selections that hold for one type: written in place, or under a name (then `type` is empty)."""

    fragment: str
    type: str
    directives: Mapping[str, Mapping[str, object]]
    selections: Selections


Selections = tuple["Field | Spread", ...]


@frozen(kw_only=True)
class Fragment:
    """Selections with a name."""

    type: str
    selections: Selections


@frozen(kw_only=True)
class Operation:
    """A query or mutation. `needs` names the variables that must not be missing."""

    kind: str
    name: str
    needs: Sequence[str]
    selections: Selections


@frozen(kw_only=True)
class Document:
    """All that one text holds."""

    operations: Sequence[Operation]
    fragments: Mapping[str, Fragment]

    def operation(self, name: str | None) -> Operation | None:
        """The operation of that name; the only one, if none is named."""
        if not name:
            return self.operations[0] if len(self.operations) == 1 else None
        return next((operation for operation in self.operations if operation.name == name), None)
