"""Which installed fonts the PDF and the pictures of charts are set in."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from healthd.report.formats import FormatError

# As official documents are set: a serif to read, a sans for heads. What Windows and Office bring comes first.
_SERIF = ("FangSong", "FangSong_GB2312", "STFangsong", "Noto Serif CJK SC", "Noto Serif SC", "Source Han Serif SC")
_SERIF_LAST = ("SimSun", "Songti SC", "AR PL SungtiL GB", "AR PL UMing CN")
_SANS = ("SimHei", "Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "Microsoft YaHei", "PingFang SC")
_SANS_LAST = ("WenQuanYi Zen Hei", "WenQuanYi Micro Hei", "Droid Sans Fallback")
_LATIN = ("Libertinus Serif", "New Computer Modern")  # typst carries these
_CHINESE = re.compile("[\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef]")


@cache
def installed() -> frozenset[str]:
    """The families that are to be had."""
    import typst

    return frozenset(typst.Fonts().families())


def chosen(text: str, families: frozenset[str], lang: str = "zh") -> tuple[Sequence[str], Sequence[str]]:
    """(for the text, for its heads) in order of preference; English takes Latin ones first. Raises FormatError
    where `text` has Chinese in it and nothing installed can show that."""
    serif = [name for name in (*_SERIF, *_SERIF_LAST) if name in families]
    sans = [name for name in (*_SANS, *_SANS_LAST) if name in families]
    if _CHINESE.search(text) and not serif and not sans:
        raise FormatError(
            "no Chinese font is installed here: apt-get install fonts-noto-cjk (then make it again; the other "
            "formats do not need it)"
        )
    latin = [name for name in _LATIN if name in families]
    if lang == "en":
        return [*latin, *(serif or sans)], [*(sans or serif), *latin]
    return [*(serif or sans), *latin], [*(sans or serif), *latin]
