"""PDF: the text of every page, through pdfium."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

import pypdfium2
from pypdfium2.raw import FPDF_PAGEOBJ_IMAGE

from uner_edge.errors import ReadError
from uner_edge.readers.parts import Part, ReadOptions, TextBuilder

# pdfium marks a hyphen that ends a line as U+FFFE or U+0002, with or without the line's end.
_BROKEN = re.compile("(\\w*)[\ufffe\u0002\u00ad]\n?(\\w*)")
_WORD = re.compile(r"\w+(?:-\w+)*")


def read_pdf(content: bytes, options: ReadOptions) -> Iterator[Part]:
    """One document; a segment per page. Words broken over lines are joined.

    Raises:
        ReadError: Encrypted, damaged, without pages, or only pictures of pages.
    """
    try:
        pdf = pypdfium2.PdfDocument(content)
    except pypdfium2.PdfiumError as error:
        if "password" in str(error).lower():
            raise ReadError("is encrypted; save a copy without password") from error
        raise ReadError(f"is a damaged PDF: {error}") from error
    pages: list[str] = []
    pictures: list[int] = []
    damaged: list[int] = []
    for index in range(len(pdf)):
        try:
            page = pdf[index]
            layer = page.get_textpage()
            text = layer.get_text_range().replace("\r\n", "\n").replace("\r", "\n")
            if not text.strip() and _has_picture(page):
                pictures.append(index + 1)
            layer.close()
            page.close()
        except pypdfium2.PdfiumError:
            text = ""
            damaged.append(index + 1)
        pages.append(text)
    pdf.close()
    if not any(map(str.strip, pages)):
        if pictures:
            raise ReadError("is a scan: its pages are pictures without text")
        raise ReadError(f"has no text on its {len(pages):,} pages")
    builder = TextBuilder()
    for number, text in enumerate(_join_broken_words(pages), start=1):
        builder.add(text.strip("\n"), page=number)
    unread = [
        f"{_pages(numbers)} {problem}"
        for numbers, problem in ((pictures, "without text (scanned)"), (damaged, "damaged"))
        if numbers
    ]
    yield builder.part(unread="; ".join(unread) or None)


def _has_picture(page: pypdfium2.PdfPage) -> bool:
    return next(page.get_objects(filter=[FPDF_PAGEOBJ_IMAGE]), None) is not None


def _join_broken_words(pages: list[str]) -> list[str]:
    """Takes a hyphen at a line's end away unless it belongs to the word.

    It stays where the document elsewhere writes the word with it more often than without, and
    where no lower-case letters meet (``IL-`` ``6``, ``Anglo-`` ``Saxon``).
    """
    if not any(_BROKEN.search(page) for page in pages):
        return pages
    known = Counter(word.lower() for page in pages for word in _WORD.findall(page))

    def join(match: re.Match[str]) -> str:
        before, after = match[1], match[2]
        whole, hyphenated = before + after, f"{before}-{after}"
        written, with_hyphen = known[whole.lower()], known[hyphenated.lower()]
        if written != with_hyphen:
            return whole if written > with_hyphen else hyphenated
        return whole if before[-1:].islower() and after[:1].islower() else hyphenated

    return [_BROKEN.sub(join, page) for page in pages]


def _pages(numbers: list[int]) -> str:
    """``page 3`` or ``pages 3-5, 9``."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    shown = ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)
    return f"{'page' if len(numbers) == 1 else 'pages'} {shown}"
