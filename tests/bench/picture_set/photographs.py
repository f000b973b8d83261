"""The photographs: which files of which packages, by whom and under which licence; fetched, never committed."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

CACHE = Path(os.environ.get("HEALTHD_BENCH_CACHE", Path.home() / ".cache" / "healthd-bench"))

_LOMIRI = "usr/share/backgrounds"
_MATE = "usr/share/backgrounds/mate/nature"
_PLASMA = "usr/share/wallpapers/{}/contents/images/2560x1600.jpg"


@dataclass(frozen=True, slots=True)
class Photograph:
    """One file of a package. `crop`: sharp enough all over for a second view, of a part of it."""

    package: str
    path: str
    author: str
    licence: str
    crop: bool = False

    @property
    def name(self) -> str:
        path = Path(self.path)
        return path.parts[3] if path.parts[2] == "wallpapers" else path.stem


PHOTOGRAPHS = (
    Photograph(
        "lomiri-wallpapers-16.04", f"{_LOMIRI}/Bridge_by_Sander_Klootwijk.jpg", "Sander Klootwijk", "CC-BY-SA-4.0"
    ),
    Photograph(
        "lomiri-wallpapers-16.04",
        f"{_LOMIRI}/aitzgorri_by_Aitzol_Berasategi.jpg",
        "Aitzol Berasategi",
        "CC-BY-4.0",
        crop=True,
    ),
    Photograph(
        "lomiri-wallpapers-16.04",
        f"{_LOMIRI}/friends_by_Aitzol_Berasategi.jpg",
        "Aitzol Berasategi",
        "CC-BY-4.0",
        crop=True,
    ),
    Photograph(
        "lomiri-wallpapers-16.04",
        f"{_LOMIRI}/life_by_Aitzol_Berasategi.jpg",
        "Aitzol Berasategi",
        "CC-BY-4.0",
        crop=True,
    ),
    Photograph(
        "lomiri-wallpapers-16.04",
        f"{_LOMIRI}/picosdeeuropa_by_Aitzol_Berasategi.jpg",
        "Aitzol Berasategi",
        "CC-BY-4.0",
        crop=True,
    ),
    Photograph(
        "lomiri-wallpapers-16.04", f"{_LOMIRI}/sunset_by_Aitzol_Berasategi.jpg", "Aitzol Berasategi", "CC-BY-4.0"
    ),
    Photograph("mate-backgrounds", f"{_MATE}/Dune.jpg", "Marco Cogoni", "GPL-2+"),
    Photograph("mate-backgrounds", f"{_MATE}/Storm.jpg", "Sergey Nazarov", "GPL-2+"),
    Photograph(
        "plasma-workspace-wallpapers",
        _PLASMA.format("EveningGlow"),
        "KDE Visual Design Group",
        "GPL-2+",
        crop=True,
    ),
    Photograph("plasma-workspace-wallpapers", _PLASMA.format("Kite"), "KDE Visual Design Group", "GPL-2+"),
    Photograph(
        "plasma-workspace-wallpapers",
        _PLASMA.format("OneStandsOut"),
        "KDE Visual Design Group",
        "GPL-2+",
        crop=True,
    ),
    Photograph(
        "plasma-workspace-wallpapers", _PLASMA.format("Path"), "KDE Visual Design Group", "GPL-2+", crop=True
    ),
    Photograph("plasma-workspace-wallpapers", _PLASMA.format("summer_1am"), "KDE Visual Design Group", "GPL-2+"),
    Photograph("scikit-learn", "sklearn/datasets/images/china.jpg", "danielbuechele", "CC-BY-2.0"),
)
"""What is left of the packages' files without artwork, renderings, close-ups (one flower, leaf or insect before a
blurred ground, cups, brushes, a clock) and pictures that their makers turned grey or toned."""


def photograph_path(photograph: Photograph) -> Path:
    """Where the file is; its package is fetched and unpacked into the cache when it is not there yet."""
    place = CACHE / photograph.package
    if not (place / photograph.path).exists():
        place.mkdir(parents=True, exist_ok=True)
        (_from_pypi if photograph.package == "scikit-learn" else _from_debian)(photograph.package, place)
    return place / photograph.path


def _from_debian(package: str, place: Path) -> None:
    command = ["apt-get", "-qq", "download", package]
    if subprocess.run(command, cwd=place, check=False).returncode:
        subprocess.run(["apt-get", "-qq", "update"], check=False)  # a fresh machine has no package lists
        subprocess.run(command, cwd=place, check=True)
    (archive,) = place.glob(f"{package}_*.deb")
    subprocess.run(["dpkg-deb", "-x", str(archive), str(place)], check=True)
    archive.unlink()


def _from_pypi(package: str, place: Path) -> None:
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q", "download"]
    subprocess.run([*pip, "--no-deps", "--only-binary=:all:", "-d", str(place), package], check=True)
    (archive,) = place.glob("*.whl")
    with zipfile.ZipFile(archive) as wheel:
        for name in wheel.namelist():
            if name.startswith("sklearn/datasets/images/"):
                wheel.extract(name, place)
    archive.unlink()
