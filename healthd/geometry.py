"""Points on the map to the outline of what they belong to. Pure; degrees in, degrees out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

Point: TypeAlias = tuple[float, float]
"""(longitude, latitude) in decimal degrees."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where some points are: how many, their middle, and their convex hull.

    `hull`: counter-clockwise, each corner once; fewer than three corners where the points make no surface.
    """

    points: int
    longitude: float
    latitude: float
    hull: tuple[Point, ...]


def hull_of(points: Iterable[Point]) -> tuple[Point, ...]:
    """The convex hull, counter-clockwise from its westernmost corner (Andrew's monotone chain)."""
    ordered = sorted(set(points))
    if len(ordered) < 3:
        return tuple(ordered)
    return (*_half(ordered)[:-1], *_half(ordered[::-1])[:-1])


def _half(ordered: Sequence[Point]) -> list[Point]:
    chain: list[Point] = []
    for point in ordered:
        while len(chain) > 1 and _turn(chain[-2], chain[-1], point) <= 0:
            chain.pop()
        chain.append(point)
    return chain


def _turn(first: Point, second: Point, third: Point) -> float:
    """Positive for a turn to the left."""
    return (second[0] - first[0]) * (third[1] - first[1]) - (second[1] - first[1]) * (third[0] - first[0])
