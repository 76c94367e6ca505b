"""Mail: eml and mbox."""

from __future__ import annotations

import email
import email.policy
import re
from collections.abc import Iterator
from email.message import EmailMessage, MIMEPart
from pathlib import PurePosixPath

from uner_edge.readers.parts import Bad, Member, Part, ReadOptions, TextBuilder

_HEADERS = ("subject", "from", "to", "cc", "date")
_FROM_LINE = re.compile(rb"^From (?=\S+ +.*\d{4}\s*$)", re.M)
_QUOTED_FROM = re.compile(rb"^>(>*From )", re.M)


def read_eml(content: bytes, options: ReadOptions) -> Iterator[Part | Member | Bad]:
    """One message, then its attachments. Places are its parts: subject, from, body, ...

    Of a body that comes as plain text and as HTML, the plain text is read.
    """
    message = email.message_from_bytes(content, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    builder = TextBuilder()
    for header in _HEADERS:
        for value in message.get_all(header, ()):
            builder.add(str(value), place=header, gap="\n")
    body = message.get_body(("plain", "html"))
    if body is not None:
        if body.get_content_subtype() == "html":
            from uner_edge.readers.web import add_html

            add_html(builder, _text(body), "body")
        else:
            builder.add(_text(body).replace("\r\n", "\n"), place="body")
    yield builder.part()
    for number, part in enumerate(_attachments(message, body), start=1):
        name = PurePosixPath(part.get_filename() or "").name
        name = name if name.strip(".") else f"part {number}"
        if part.get_content_type() == "message/rfc822":
            inner = part.get_payload(0)
            yield Member(name, inner.as_bytes(), "eml")  # type: ignore[union-attr]
            continue
        payload = part.get_payload(decode=True)
        if isinstance(payload, bytes):
            yield Member(name, payload)
        else:
            yield Bad(name, "is an attachment without content")


def _text(part: MIMEPart) -> str:
    """Of a text part; an unknown or wrong charset is replaced by a guess."""
    from uner_edge.readers.text import decode

    payload = part.get_payload(decode=True)
    assert isinstance(payload, bytes)
    charset = part.get_content_charset() or "utf-8"
    try:
        return payload.decode(charset)
    except (LookupError, UnicodeDecodeError):
        decoded = decode(payload)
        return decoded[0] if decoded else payload.decode("latin-1")


def _attachments(message: MIMEPart, body: MIMEPart | None) -> Iterator[MIMEPart]:
    """Leaves of the message that are neither its body nor another version of it."""
    if not message.is_multipart():
        if message is not body and message.get_content_maintype() != "multipart":
            yield message
        return
    if message.get_content_type() == "message/rfc822":
        yield message
        return
    versions = message.get_content_type() == "multipart/alternative" and body is not None
    for part in message.iter_parts():
        assert isinstance(part, MIMEPart)
        if part is body or (versions and part.get_content_maintype() == "text"):
            continue
        yield from _attachments(part, body)


def read_mbox(content: bytes, options: ReadOptions) -> Iterator[Member | Bad]:
    """Every message, named by its number, counted from 1."""
    starts = [match.start() for match in _FROM_LINE.finditer(content)]
    if not starts:
        yield Bad("", "holds no message")
    for number, (start, end) in enumerate(zip(starts, [*starts[1:], None], strict=True), start=1):
        message = content[start:end].partition(b"\n")[2]
        yield Member(f"message {number}", _QUOTED_FROM.sub(rb"\1", message), "eml")
