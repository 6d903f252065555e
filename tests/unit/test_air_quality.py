"""Classes of air, and the mean of 24 hours."""

from __future__ import annotations

from datetime import timedelta

import pytest

from domain.history.air_quality import (
    carbon_monoxide_class,
    humidity_class,
    pm25_class,
    rolling_day_means,
    usual_class,
    usual_range,
)
from domain.history.series import HOUR, Summary
from tests.support.builders import NOON


def an_hour(number: int, mean: float) -> Summary:
    return Summary(at=NOON + number * HOUR, low=mean, high=mean, total=2 * mean, count=2)


@pytest.mark.parametrize(
    ("mean", "name"),
    [
        (0.0, "good"),
        (9.09, "good"),
        (9.1, "moderate"),
        (35.5, "unhealthy for sensitive groups"),
        (55.5, "unhealthy"),
        (125.5, "very unhealthy"),
        (225.4, "very unhealthy"),
        (225.5, "hazardous"),
    ],
)
def test_classes_of_pm25(mean: float, name: str) -> None:
    assert pm25_class(mean) == name


@pytest.mark.parametrize(
    ("percent", "name"),
    [(29.9, "dry"), (30, "comfortable"), (50, "comfortable"), (50.1, "humid"), (60, "damp")],
)
def test_classes_of_humidity(percent: float, name: str) -> None:
    assert humidity_class(percent) == name


@pytest.mark.parametrize(
    ("ppm", "words"), [(0, "none"), (9, "below 9 (EPA, 8 h)"), (9.1, "ABOVE 9 (EPA, 8 h)")]
)
def test_classes_of_carbon_monoxide(ppm: float, words: str) -> None:
    assert carbon_monoxide_class(ppm) == words


def test_usual_range_is_that_of_eight_in_ten_hours() -> None:
    assert usual_range([float(number) for number in range(47)]) is None
    assert usual_range([float(number) for number in range(101)]) == (10, 90)
    assert [usual_class(value, (10, 90)) for value in (9, 10, 90, 91)] == [
        "lower than usual here",
        "usual here",
        "usual here",
        "higher than usual here",
    ]


def test_day_mean_weighs_hours_alike_and_forgets_older_ones() -> None:
    hours = [an_hour(0, 100.0), *(an_hour(number, 4.0) for number in range(1, 24)), an_hour(24, 28.0)]
    means = dict(rolling_day_means(hours))
    assert means[NOON + 24 * HOUR] == 8.0
    assert means[NOON + 25 * HOUR] == 5.0


def test_day_mean_needs_eighteen_hours() -> None:
    hours = [an_hour(number, 6.0) for number in range(30) if not 18 <= number < 25]
    assert [(at - NOON) / timedelta(hours=1) for at, _ in rolling_day_means(hours)] == [18.0]
