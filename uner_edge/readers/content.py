"""What a file is, told by its content; its name decides only where content cannot."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import PurePath

from uner_edge.errors import ReadError

HEAD = 4096
"""Bytes of a file that tell what it is."""

_SIGNATURES = (
    (b"{\\rtf", "rtf"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "ole"),
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\0", "xz"),
)
_ROOTS = {
    "html": "html",
    "article": "jats",
    "pmc-articleset": "jats",
    "PubmedArticleSet": "pubmed",
    "PubmedArticle": "pubmed",
}
_BY_SUFFIX = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".htm": "html",
    ".html": "html",
    ".xhtml": "html",
    ".eml": "eml",
    ".mbox": "mbox",
}
_BEFORE_ROOT = re.compile(r"\s*(?:<\?.*?\?>|<!--.*?-->|<!DOCTYPE(?:[^\[>]|\[.*?\])*>)", re.S | re.I)
_ROOT = re.compile(r"\s*<(?:[\w.-]+:)?([\w.-]+)")
_MBOX = re.compile(rb"From \S+ +.*\d{4}\r?\n[\w-]+: ")
_HEADER = re.compile(rb"(?:[!-9;-~]+:[^\n]*\n(?:[ \t][^\n]*\n)*)+\r?\n")
_MAIL_ONLY = re.compile(rb"^(?:from|received|message-id|return-path):", re.I | re.M)
_PUBTATOR = re.compile(rb"\s*[^\s|]{1,100}\|t\|")


def identify(head: bytes, name: str) -> str:
    """The format of a file that begins with ``head``; "text" for whatever has no reader.

    Zip files and OLE files are "zip" and "ole": only the whole file tells them apart.
    """
    for signature, format in _SIGNATURES:
        if head.startswith(signature):
            return format
    if b"%PDF-" in head[:1024]:
        return "pdf"
    if head[257:262] == b"ustar":
        return "tar"
    suffix = PurePath(name).suffix.lower()
    bare = head.removeprefix(b"\xef\xbb\xbf")
    if _is_bioc_json(bare):
        return "bioc-json"
    if (root := _root(bare)) is not None:
        return root
    if suffix in _BY_SUFFIX:
        return _BY_SUFFIX[suffix]
    if _MBOX.match(bare):
        return "mbox"
    if (header := _HEADER.match(bare)) and len(_MAIL_ONLY.findall(header[0])) >= 2:
        return "eml"
    if _PUBTATOR.match(bare):
        return "pubtator"
    return "text"


def _root(head: bytes) -> str | None:
    """The format of an XML or HTML file, None for others and for XML of unknown kinds."""
    codec = "utf-16" if head[:2] in (b"\xff\xfe", b"\xfe\xff") else "latin-1"
    text = head.decode(codec, "ignore")
    if not text.lstrip().startswith("<"):
        return None
    at = 0
    prolog = ""
    while before := _BEFORE_ROOT.match(text, at):
        prolog += before[0].lower()
        at = before.end()
    root = _ROOT.match(text, at)
    if "<!doctype html" in prolog:
        return "html"
    if root is None:
        return None
    if root[1] == "collection" and ("bioc" in prolog or "<source>" in text):
        return "bioc-xml"
    return _ROOTS.get(root[1]) or _ROOTS.get(root[1].lower())


def _is_bioc_json(head: bytes) -> bool:
    """Whether this begins a BioC collection, by its keys."""
    if not head.lstrip().startswith(b"{") or b'"documents"' not in head:
        return False
    return b'"source"' in head or b'"passages"' in head


def identify_zip(content: bytes) -> str:
    """Which of the formats that are zip files this is: docx, xlsx, pptx, odt, ods, epub, zip.

    Raises:
        zipfile.BadZipFile: It is damaged.
        ReadError: An OpenDocument kind that nothing here reads.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = set(archive.namelist())
        if "mimetype" in names and archive.getinfo("mimetype").file_size < 200:
            kind = archive.read("mimetype").decode("ascii", "replace").strip()
            if kind == "application/epub+zip":
                return "epub"
            if kind.startswith("application/vnd.oasis.opendocument."):
                kind = kind.removeprefix("application/vnd.oasis.opendocument.").split("-")[0]
                if kind not in ("text", "spreadsheet"):
                    raise ReadError(f"is an OpenDocument {kind}; save it as .pdf")
                return "odt" if kind == "text" else "ods"
    if "[Content_Types].xml" in names:
        for folder, format in (("word/", "docx"), ("xl/", "xlsx"), ("ppt/", "pptx")):
            if any(name.startswith(folder) for name in names):
                return format
    return "zip"


def identify_ole(content: bytes) -> str:
    """Which of the formats of the 1990s (OLE compound files) this is, by its streams' names.

    Raises:
        ReadError: One that nothing here reads; says which, and what to save it as.
    """

    def has(stream: str) -> bool:
        return stream.encode("utf-16-le") in content

    if has("EncryptedPackage"):
        raise ReadError("is encrypted; save a copy without password")
    for stream, kind, remedy in (
        ("WordDocument", "Word 97-2003 document", "docx"),
        ("PowerPoint Document", "PowerPoint 97-2003 presentation", "pptx"),
        ("__substg1.0_", "Outlook message", "eml"),
    ):
        if has(stream):
            raise ReadError(f"is a {kind}; save it as .{remedy}")
    if has("Workbook") or has("Book"):
        return "xls"
    raise ReadError("is an OLE file of an unknown kind")
