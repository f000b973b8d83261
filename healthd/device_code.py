"""What a 20-digit device code says of its camera: GB/T 28181-2022 Annex E. Pure."""

from __future__ import annotations

from collections.abc import Iterator

CAMERA_TYPES = ("131", "132")


def is_device_code(id_: str) -> bool:
    return len(id_) == 20 and id_.isascii() and id_.isdigit()


def doubts(id_: str, region: str) -> Iterator[tuple[str, str]]:
    """(what contradicts the camera's row, remedy) of a 20-digit code: digits 1-8 are the region's, 11-13 the type
    of device."""
    if region.isdigit():
        # Longer codes are statistical ones, whose township digits differ from the standard's; and 00 in digits
        # 7-8 stands for the county itself.
        compared = 6 if len(region) > 8 or id_[6:8] == "00" else len(region)
        if id_[:compared] != region[:compared]:
            yield (
                f"its first digits say region {id_[:compared]}, its row says {region}",
                "correct the one that is wrong",
            )
    if id_[10:13] not in CAMERA_TYPES:
        yield f"its digits 11-13 say type {id_[10:13]}, which is not a camera", "a camera has 131 or 132 there"
