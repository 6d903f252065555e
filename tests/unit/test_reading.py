"""Plausible and storable values."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.reading import STORABLE, UNITS, Quantity, Range, Reading, fit_to_table, flag_implausible
from tests.support.builders import a_reading

INDOORS = {Quantity.TEMPERATURE: Range(least=5.0, most=40.0)}

readings = st.builds(
    lambda values, others: a_reading(values=values, other_values=others),
    st.dictionaries(st.sampled_from(Quantity), st.floats()),
    st.dictionaries(st.sampled_from(["lux", "noise"]), st.floats()),
)


def test_every_quantity_has_a_unit_and_a_range() -> None:
    assert set(UNITS) == set(STORABLE) == set(Quantity)


@pytest.mark.parametrize(
    ("value", "inside"),
    [(5.0, True), (4.999, False), (40.0, True), (40.001, False), (math.nan, False), (math.inf, False)],
)
def test_range_contains_its_limits(value: float, inside: bool) -> None:
    assert (value in INDOORS[Quantity.TEMPERATURE]) == inside


@pytest.mark.parametrize("quantity", Quantity)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_range_contains_no_non_finite_value(quantity: Quantity, value: float) -> None:
    assert value not in STORABLE[quantity]


@pytest.mark.parametrize(
    ("temperature", "anomalous"), [(21.5, False), (4.0, True), (45.0, True), (math.nan, True)]
)
def test_implausible_value_is_flagged_and_kept(temperature: float, anomalous: bool) -> None:
    reading = flag_implausible(a_reading(temperature=temperature), INDOORS)
    assert reading.is_anomalous == anomalous
    assert reading.values[Quantity.TEMPERATURE] is temperature


def test_quantity_without_a_range_is_not_flagged() -> None:
    assert not flag_implausible(a_reading(pm25=900.0), INDOORS).is_anomalous


def test_flag_of_a_source_stays() -> None:
    assert flag_implausible(a_reading(temperature=21.5, is_anomalous=True), INDOORS).is_anomalous


def test_rejected_value_moves_to_other_values() -> None:
    reading = fit_to_table(a_reading(temperature=61.0, relative_humidity=20.0))
    assert reading.values == {Quantity.RELATIVE_HUMIDITY: 20.0}
    assert reading.other_values == {"temperature": 61.0}
    assert reading.is_anomalous


@pytest.mark.parametrize("temperature", [-40.0, 0.0, 21.5, 50.0])
def test_storable_reading_is_unchanged(temperature: float) -> None:
    reading = a_reading(temperature=temperature, other_values={"lux": 100.0})
    assert fit_to_table(reading) is reading


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_non_finite_value_leaves_only_the_mark(value: float) -> None:
    reading = fit_to_table(a_reading(pm25=value, temperature=21.5, other_values={"noise": value, "lux": 1.0}))
    assert reading.values == {Quantity.TEMPERATURE: 21.5}
    assert reading.other_values == {"lux": 1.0}
    assert reading.is_anomalous


def test_non_finite_other_value_is_dropped_and_marked() -> None:
    reading = fit_to_table(a_reading(temperature=21.5, other_values={"noise": math.nan}))
    assert reading.other_values == {}
    assert reading.is_anomalous


@given(readings)
def test_storable_values_meet_the_checks(reading: Reading) -> None:
    made = fit_to_table(reading)
    assert all(value in STORABLE[quantity] for quantity, value in made.values.items())
    json.dumps(dict(made.other_values), allow_nan=False)
    assert fit_to_table(made) is made


@given(readings)
def test_every_finite_value_is_kept(reading: Reading) -> None:
    made = fit_to_table(reading)
    for quantity, value in reading.values.items():
        if math.isfinite(value):
            assert made.values.get(quantity, made.other_values.get(quantity.value)) == value
    assert made.is_anomalous == (made != reading or reading.is_anomalous)
