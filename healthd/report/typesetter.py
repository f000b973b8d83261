"""The process that typst works in: `python -m healthd.report.typesetter` reads a request from stdin and writes the
PDF, or the PNG of the only page. It imports nothing else, so that it starts at once."""

from __future__ import annotations

import json
import sys

import typst

REFUSED = 3  # exit code: typst said why not, on stderr


def main() -> int:
    """The request is JSON: source, inputs, and ppi: 0 for a PDF."""
    asked = json.load(sys.stdin)
    source = asked["source"].encode()
    try:
        if asked["ppi"]:
            made = typst.compile(source, format="png", ppi=asked["ppi"], sys_inputs=asked["inputs"])
        else:
            # Without tags: for tables this long they are nine tenths of the file. The page has them.
            made = typst.compile(source, format="pdf", sys_inputs=asked["inputs"], pdf_tags=False)
    except typst.TypstError as error:
        print(" ".join(error.message.split()), file=sys.stderr)
        return REFUSED
    sys.stdout.buffer.write(made)
    return 0


if __name__ == "__main__":
    sys.exit(main())
