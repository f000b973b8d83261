"""Evidence is kept as codes and told in the reader's language."""

from __future__ import annotations

import json
from string import Formatter

import pytest

from healthd.incidents.evidence import SENTENCES, Clue, clue, plain, restored_clue, stored_clue
from healthd.words import FAULTS, REASONS
from probes.base import Reason
from probes.picture.verdict import Fault


def blanks_of(sentence: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(sentence) if name}


def test_every_sentence_is_there_in_both_languages() -> None:
    """Each code has a sentence in English and one in Chinese, and both have the same blanks."""
    assert SENTENCES["en"].keys() == SENTENCES["zh"].keys()
    for code, english in SENTENCES["en"].items():
        chinese = SENTENCES["zh"][code]
        assert blanks_of(english) == blanks_of(chinese), code
        assert any("一" <= sign <= "鿿" for sign in chinese), code


def test_closed_sets_have_words() -> None:
    """Every fault and every reason has a word in both languages."""
    for language in SENTENCES:
        assert {*Fault} <= FAULTS[language].keys()
        assert {*Reason} <= REASONS[language].keys()


@pytest.mark.parametrize(
    ("one", "english", "chinese"),
    [
        (
            clue("port_off", port="Gi1/0/3", device="一号交换机"),
            "port Gi1/0/3 of 一号交换机 is switched off",
            "一号交换机 的端口 Gi1/0/3 已被人为关闭",
        ),
        (
            clue("picture_faulty", faults="dark,blur"),
            "its picture is faulty: too dark, blurred",
            "图像异常：画面过暗、画面模糊",
        ),
        (
            clue("no_picture", reason="refused"),
            "it answers, but gives no picture (refused by the device)",
            "摄像机有应答但取不到图像（设备拒绝）",
        ),
        (clue("clock_off", offset=-90), "its clock is -90 s off", "设备时钟偏差 -90 秒"),
        (clue("restarted", device="{port}%s"), "{port}%s is back and had restarted: it was without power", None),
    ],
)
def test_each_reader_gets_his_language(one: Clue, english: str, chinese: str | None) -> None:
    """The same clue reads in English and in Chinese; names are never taken for blanks."""
    assert one.text() == english
    if chinese is not None:
        assert one.text("zh") == chinese


@pytest.mark.parametrize(
    "one", [clue("flapped", name="五号", times=4), plain("sw-1 does not answer since 15:00.")]
)
def test_store_gives_back_what_it_took(one: Clue) -> None:
    """A clue survives the store, and so does a sentence of an earlier version, which reads the same everywhere."""
    again = restored_clue(json.loads(json.dumps(stored_clue(one))))
    assert again == one
    assert again.text("zh") == one.text("zh")


def test_clue_of_another_version_is_no_crash() -> None:
    """A code, or a blank, that this version does not know is shown as it is."""
    assert restored_clue(["from_the_future", {"device": "x"}]).text("zh") == "from_the_future"
    assert restored_clue(["restarted", {}]).text() == "? is back and had restarted: it was without power"


def test_a_rule_cannot_use_a_sentence_that_is_not_there() -> None:
    """A misspelt code is a bug that shows at once."""
    with pytest.raises(ValueError, match="no sentence"):
        clue("portoff")
