"""Writes values down in the report's language: the cells of its tables, its times, durations and names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from fractions import Fraction
from zoneinfo import ZoneInfo

from healthd.model import Inventory, Moment
from healthd.periods import iso, local
from healthd.report.document import Cell, Column, Kind, Tone, Words
from healthd.report.numbers import cut_points, percent, points
from healthd.report.texts_en import EN
from healthd.report.texts_worklist import WORKLIST
from healthd.report.texts_zh import ZH
from healthd.web.texts import TEXTS as PAGES

LANGUAGES = ("zh", "en")
_TEXTS: Mapping[str, Mapping[str, str]] = {
    "zh": {**PAGES["zh"], **ZH, **WORKLIST["zh"]},
    "en": {**PAGES["en"], **EN, **WORKLIST["en"]},
}
_LEVELS = ("city", "county", "township")
_CENTRED = frozenset({"rank", "step", "class", "verdict", "state", "times", "over_24", "over_48", "over_72"})
_TONES = {"pass": Tone.GOOD, "fail": Tone.BAD, "insufficient": Tone.WARN, "none": Tone.QUIET}
# What no format may carry: control characters, half surrogate pairs, and what reverses the reading direction.
_UNSPEAKABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u200e\u200f\u202a-\u202e\u2066-\u2069\ufffe\uffff]"
)


def clean(text: str) -> str:
    """A foreign text on one line, without what can't be printed."""
    return " ".join(_UNSPEAKABLE.sub("\ufffd", text).split())


class Scribe:
    """One language and zone, and the names of the inventory."""

    def __init__(self, lang: str, zone: ZoneInfo, inventory: Inventory, names: Mapping[str, str]) -> None:
        self.lang = lang
        self.zone = zone
        self._inventory = inventory
        self._names = names
        self._texts = _TEXTS[lang]

    def __call__(self, key: str, **values: object) -> str:
        """The text of that key, its places filled in."""
        text = self._texts[key]
        return text.format(**values) if values else text

    @property
    def words(self) -> Words:
        return Words(
            *(
                self(key)
                for key in ("tag", "table", "page", "contents", "summary", "chart_data", "semicolon", "colon")
            )
        )

    # --- cells ---------------------------------------------------------------------------------------------

    def column(self, key: str, kind: Kind = Kind.TEXT, weight: int = 6, title: str = "") -> Column:
        return Column(key, title or self(key), kind, weight, key in _CENTRED)

    def text(self, text: str, tone: Tone = Tone.PLAIN) -> Cell:
        said = clean(text)
        return Cell(Kind.TEXT, said, said or self("none"), tone)

    def count(self, number: int | None, tone: Tone = Tone.PLAIN) -> Cell:
        return Cell(Kind.COUNT, number, self("none") if number is None else f"{number:,}", tone)

    def ratio(self, ratio: Fraction | None, tone: Tone = Tone.PLAIN) -> Cell:
        if ratio is None:
            return Cell(Kind.RATIO, None, self("none"), Tone.QUIET)
        return Cell(Kind.RATIO, ratio, percent(ratio), tone)

    def number(self, number: Fraction | None) -> Cell:
        """Two decimals, cut off towards zero."""
        if number is None:
            return Cell(Kind.NUMBER, None, self("none"), Tone.QUIET)
        return Cell(Kind.NUMBER, number, f"{int(number * 100) / 100:.2f}")

    def points(self, difference: Fraction | None) -> Cell:
        if difference is None:
            return Cell(Kind.POINTS, None, self("none"), Tone.QUIET)
        return Cell(
            Kind.POINTS, difference, points(difference), Tone.BAD if cut_points(difference) < 0 else Tone.PLAIN
        )

    def lasted(self, milliseconds: Fraction | int | None, tone: Tone = Tone.PLAIN) -> Cell:
        """A duration in words, its value in seconds."""
        if milliseconds is None:
            return Cell(Kind.DURATION, None, self("none"), Tone.QUIET)
        return Cell(Kind.DURATION, Fraction(milliseconds) / 1000, self.span(int(milliseconds)), tone)

    def seconds(self, milliseconds: int) -> Cell:
        """A duration as a number of seconds, exact to the millisecond."""
        return Cell(
            Kind.SECONDS, Fraction(milliseconds, 1000), f"{milliseconds // 1000:,}.{milliseconds % 1000:03d}"
        )

    def hours(self, milliseconds: int) -> Cell:
        """A sum of camera time in hours with two decimals, cut off; its value in seconds."""
        hundredths = milliseconds // 36_000
        return Cell(Kind.HOURS, Fraction(milliseconds, 1000), f"{hundredths // 100:,}.{hundredths % 100:02d}")

    def amount(self, amount: int, *, timed: bool) -> Cell:
        """Milliseconds as hours; what was counted as a count."""
        return self.hours(amount) if timed else self.count(amount)

    def time(self, moment: Moment | None) -> Cell:
        if not moment:
            return Cell(Kind.TIME, None, self("none"), Tone.QUIET)
        return Cell(Kind.TIME, iso(moment, self.zone), self.stamp(moment))

    def verdict(self, verdict: str) -> Cell:
        return Cell(Kind.TEXT, verdict, self(f"verdict_{verdict}"), _TONES[verdict])

    # --- words ---------------------------------------------------------------------------------------------

    def stamp(self, moment: Moment) -> str:
        return self.local(moment).strftime("%Y-%m-%d %H:%M")

    def local(self, moment: Moment) -> datetime:
        return local(moment, self.zone)

    def span(self, milliseconds: int) -> str:
        """How long, in words with two units at most; cut off."""
        minutes = max(0, milliseconds) // 60_000
        days, hours = minutes // 1440, minutes % 1440 // 60
        if days:
            return self("days", d=days, h=hours)
        if hours:
            return self("hours", h=hours, m=minutes % 60)
        return self("minutes", m=minutes)

    def listed(self, items: list[str]) -> str:
        return self("comma").join(items)

    def region(self, code: str) -> str:
        """A region's name; its code where it has none that is known."""
        region = self._inventory.regions.get(code)
        return clean(region.name if region else code) or self("none")

    def level(self, level: str) -> str:
        return self(f"level_{level}") if level in _LEVELS else clean(level) or self("level_other")

    def maintainer(self, key: str) -> str:
        crew = self._inventory.maintainers.get(key)
        return clean(crew.name if crew else key) or self("maintainer_missing")

    def unit(self, key: str) -> str:
        return clean(key) or self("unit_missing")

    def camera(self, camera: str) -> str:
        known = self._inventory.cameras.get(camera)
        return clean(known.name if known else self._names.get(camera, "")) or camera

    def subject(self, subject: str) -> str:
        """What is to be repaired, by its name."""
        known = self._inventory.devices.get(subject) or self._inventory.regions.get(subject)
        return clean(known.name) if known and known.name else self.camera(subject)

    def profile(self, name: str) -> str:
        """A profile as a sentence names it: those that are built in by their words, too."""
        key = f"profile_{name}"
        return self(key, name=name) if key in self._texts else self("profile_own", name=clean(name))

    def class_(self, class_: str) -> str:
        return self("class_all") if class_ == "all" else self(f"class_short_{class_}")
