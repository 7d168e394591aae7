"""Reads an XLSX file without its library: zip and XML, as the format's standard describes them."""

import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

_NAMESPACE = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_ESCAPE = re.compile("_x([0-9A-Fa-f]{4})_")


@dataclass(frozen=True)
class Cell:
    """`text` as a reader sees it; `kind` is the attribute `t`: `inlineStr` for texts, None for numbers."""

    text: str
    kind: str | None
    style: int


def read_sheet(path: Path) -> list[dict[str, Cell]]:
    """One mapping a row, by the letters of its columns. There is no formula and no link anywhere."""
    with zipfile.ZipFile(path) as file:
        assert file.testzip() is None
        for name in file.namelist():
            if name.endswith((".xml", ".rels")):
                ElementTree.fromstring(file.read(name))
        assert not [name for name in file.namelist() if "externalLink" in name or "vba" in name.lower()]
        sheet = ElementTree.fromstring(file.read("xl/worksheets/sheet1.xml"))
    for tag in ("f", "hyperlink"):
        assert not list(sheet.iter(_NAMESPACE + tag))
    return [
        {_letters(cell): _cell(cell) for cell in row.iter(_NAMESPACE + "c")} for row in sheet.iter(_NAMESPACE + "row")
    ]


def _letters(cell: Any) -> str:
    return str(cell.get("r")).rstrip("0123456789")


def _cell(cell: Any) -> Cell:
    tag = "t" if cell.get("t") == "inlineStr" else "v"
    text = "".join(part.text or "" for part in cell.iter(_NAMESPACE + tag))
    if tag == "t":
        text = _ESCAPE.sub(lambda match: chr(int(match.group(1), 16)), text)
    return Cell(text, cell.get("t"), int(cell.get("s", "0")))


def styles_with_quote_prefix(path: Path) -> set[int]:
    with zipfile.ZipFile(path) as file:
        styles = ElementTree.fromstring(file.read("xl/styles.xml"))
    cells = next(styles.iter(_NAMESPACE + "cellXfs"))
    return {number for number, style in enumerate(cells) if style.get("quotePrefix") == "1"}


def number_formats(path: Path) -> list[str]:
    """The number format of each style."""
    with zipfile.ZipFile(path) as file:
        styles = ElementTree.fromstring(file.read("xl/styles.xml"))
    codes = {"0": "General", "1": "0", "2": "0.00"}
    codes |= {str(each.get("numFmtId")): str(each.get("formatCode")) for each in styles.iter(_NAMESPACE + "numFmt")}
    return [codes[str(style.get("numFmtId"))] for style in next(styles.iter(_NAMESPACE + "cellXfs"))]
