"""Safe XML: entities stay inside the file and within bounds, nothing is fetched."""

from __future__ import annotations

from lxml import etree

from uner_edge.errors import ReadError


def parse_xml(content: bytes) -> etree._Element:
    """The root element.

    Raises:
        ReadError: Not well-formed; or it uses entities from elsewhere, or far too many.
    """
    parser = etree.XMLParser(
        resolve_entities="internal", no_network=True, load_dtd=False, huge_tree=False
    )
    try:
        return etree.fromstring(content, parser)
    except etree.XMLSyntaxError as error:
        raise ReadError(f"is damaged XML: {error.msg}") from error


def local(element: etree._Element) -> str:
    """The element's name without namespace; empty for comments and processing instructions."""
    return etree.QName(element).localname if isinstance(element.tag, str) else ""
