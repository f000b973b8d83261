"""The styles of the text document: those that official papers are set in, for a document that lacks them."""

from __future__ import annotations

from typing import Any

from docx.document import Document
from docx.enum.style import WD_STYLE_TYPE
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Mm, Pt, RGBColor
from docx.styles.style import ParagraphStyle

# (Latin, Chinese) by what they are for; every Windows and every WPS has them.
_BODY = {"zh": ("Times New Roman", "仿宋"), "en": ("Times New Roman", "仿宋")}
_HEAD = {"zh": ("Arial", "黑体"), "en": ("Arial", "黑体")}
_TABLE = {"zh": ("Times New Roman", "宋体"), "en": ("Arial", "宋体")}
_INK, _QUIET = RGBColor(0x1C, 0x24, 0x30), RGBColor(0x5C, 0x68, 0x75)
OWN = ("Table Text", "Table Head", "Note")


def dress(document: Document, lang: str) -> None:
    """Gives the document what it lacks; one that has its own styles (it has `Note`) keeps all of them."""
    names = {style.name for style in document.styles}
    is_template = bool(names & set(OWN))
    if not is_template:
        _page(document)
        _styles(document, lang)
        _language(document, lang)
    for name in OWN:
        if name not in names:
            _own(document, name, lang)


def _page(document: Document) -> None:
    page = document.sections[0]
    page.page_width, page.page_height = Mm(210), Mm(297)
    page.left_margin = page.right_margin = Mm(20)
    page.top_margin, page.bottom_margin = Mm(24), Mm(22)


def _language(document: Document, lang: str) -> None:
    """What the text is written in: without it Chinese stops stand in the middle of their square."""
    for found in document.styles.element.iter(qn("w:lang")):
        found.set(qn("w:val"), "en-GB")
        found.set(qn("w:eastAsia"), "zh-CN")
    normal = document.styles["Normal"].element.get_or_add_rPr()
    spoken = OxmlElement("w:lang")
    spoken.set(qn("w:val"), "en-GB")  # as Chinese, figures and names would be torn apart at the end of a line
    spoken.set(qn("w:eastAsia"), "zh-CN")
    normal.append(spoken)


def _styles(document: Document, lang: str) -> None:
    styles = document.styles
    _font(styles["Normal"], _BODY[lang], 12)
    title = styles["Title"]
    _font(title, _HEAD[lang], 22, bold=True)
    _plain(title)
    title.paragraph_format.alignment = 1
    title.paragraph_format.space_before, title.paragraph_format.space_after = Pt(24), Pt(6)
    subtitle = styles["Subtitle"]
    _font(subtitle, _BODY[lang], 15)
    subtitle.font.italic = False
    subtitle.paragraph_format.alignment = 1
    subtitle.paragraph_format.space_after = Pt(18)
    heading = styles["Heading 1"]
    _font(heading, _HEAD[lang], 15, bold=True)
    heading.paragraph_format.space_before, heading.paragraph_format.space_after = Pt(18), Pt(8)
    heading.paragraph_format.keep_with_next = True
    body = styles["Body Text"]
    _font(body, _BODY[lang], 12 if lang == "en" else 14)
    body.paragraph_format.line_spacing = 1.25
    body.paragraph_format.space_after = Pt(3)
    if lang == "zh":
        _indent_two(body)
    caption = styles["Caption"]
    _font(caption, _HEAD[lang], 10.5, bold=True)
    caption.paragraph_format.space_before, caption.paragraph_format.space_after = Pt(12), Pt(4)
    caption.paragraph_format.keep_with_next = True


def _own(document: Document, name: str, lang: str) -> None:
    style = document.styles.add_style(name, WD_STYLE_TYPE.PARAGRAPH)
    if not isinstance(style, ParagraphStyle):
        raise TypeError(f"{name} is no style of paragraphs")
    style.base_style = document.styles["Normal"]
    bold = name == "Table Head"
    _font(style, _HEAD[lang] if bold else _TABLE[lang], 9 if name == "Note" else 8.5, bold=bold)
    style.paragraph_format.space_before = style.paragraph_format.space_after = Pt(1)
    if name == "Note":
        style.font.color.rgb = _QUIET
    if bold:
        style.paragraph_format.keep_with_next = True


def _font(style: Any, fonts: tuple[str, str], size: float, *, bold: bool = False) -> None:
    latin, chinese = fonts
    style.font.name, style.font.size, style.font.bold = latin, Pt(size), bold
    style.font.color.rgb = _INK
    found = style.element.get_or_add_rPr().get_or_add_rFonts()
    for kind in ("asciiTheme", "hAnsiTheme", "eastAsiaTheme", "cstheme"):
        found.attrib.pop(qn(f"w:{kind}"), None)  # a theme's font would go before ours
    found.set(qn("w:hAnsi"), latin)
    found.set(qn("w:eastAsia"), chinese)


def _plain(style: Any) -> None:
    """Without the line that Word draws below a title."""
    look = style.element.get_or_add_pPr()
    for border in look.findall(qn("w:pBdr")):
        look.remove(border)


def _indent_two(style: Any) -> None:
    """Two characters at the beginning of a paragraph, as Chinese is set."""
    indent = OxmlElement("w:ind")
    indent.set(qn("w:firstLineChars"), "200")
    indent.set(qn("w:firstLine"), "560")
    style.element.get_or_add_pPr().append(indent)
