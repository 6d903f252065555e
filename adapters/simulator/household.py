"""What people do in the simulated home that the air keeps traces of: cooking, showering, cleaning."""

from __future__ import annotations

from adapters.simulator.chance import chance
from adapters.simulator.local_time import LocalTime
from domain.values import frozen


@frozen(kw_only=True)
class Meal:
    """When a meal is cooked, and on what share of the days."""

    name: str
    earliest_h: float
    weekday_share: float
    weekend_share: float


_MEALS = (
    Meal(name="breakfast", earliest_h=6.9, weekday_share=0.4, weekend_share=0.8),
    Meal(name="lunch", earliest_h=11.8, weekday_share=0.1, weekend_share=0.7),
    Meal(name="dinner", earliest_h=17.6, weekday_share=0.85, weekend_share=0.9),
)
_LATER_H = 1.3
_SHORTEST_H = 0.25
_LONGER_H = 0.5


def cooking(seed: int, local: LocalTime) -> float:
    """How hard the gas stove is at work, from 0 to 1: something is warmed up, or fried hot."""
    return max(_strength(seed, meal, local) for meal in _MEALS)


def showering(local: LocalTime) -> float:
    """How much of the time the shower runs."""
    return 0.5 if 6.5 <= local.hour < 7.5 else 0.0


def cleaning(seed: int, local: LocalTime) -> float:
    """How much of what smells clean gets into the air: on Saturday mornings, most weeks."""
    is_saturday = (local.day + 3) % 7 == 5
    begins_h = 9.5 + 2 * chance(seed, "cleans at", local.day)
    is_at_it = is_saturday and begins_h <= local.hour < begins_h + 1
    return 1.0 if is_at_it and chance(seed, "cleans", local.day) < 0.8 else 0.0


def _strength(seed: int, meal: Meal, local: LocalTime) -> float:
    share = meal.weekend_share if local.is_weekend else meal.weekday_share
    begins_h = meal.earliest_h + _LATER_H * chance(seed, meal.name, "at", local.day)
    lasts_h = _SHORTEST_H + _LONGER_H * chance(seed, meal.name, "for", local.day)
    is_cooked = chance(seed, meal.name, local.day) < share
    if not (is_cooked and begins_h <= local.hour < begins_h + lasts_h):
        return 0.0
    return 0.2 + 0.8 * chance(seed, meal.name, "heat", local.day) ** 2
