"""The HTML output as a person meets it: opened from disk in headless Chromium."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.uner_edge.some_results import FIRST, SECOND, UNREAD, entity, result, written_file

pytestmark = [pytest.mark.slow, pytest.mark.browser]

HOSTILE = (
    "</script><img src=http://127.0.0.1:9/x onerror=document.title='owned'> & <mark>\r\nend\x07"
)
EVIL = result(
    HOSTILE,
    (entity(HOSTILE, "</script>", "drug", 0.2), entity(HOSTILE, "end", "drug", 0.7)),
    "<b>evil</b>.txt",
)


@pytest.fixture
def page(browser: Browser, tmp_path: Path) -> Iterator[Page]:
    """The page, and a list of what it asked for on ``requested``."""
    path = written_file("html", tmp_path / "out.html", FIRST, SECOND, UNREAD, EVIL)
    page = browser.new_page()
    requested: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    page.goto(path.as_uri())
    yield page
    page.wait_for_timeout(50)
    assert requested == [path.as_uri()]
    page.close()


def visible(page: Page) -> list[str]:
    """Text of the marks that are coloured."""
    return list(page.locator("mark:not(.off)").all_text_contents())


def test_the_texts_are_whole_and_the_spans_right(page: Page) -> None:
    texts = page.locator(".text").evaluate_all("all => all.map(one => one.textContent)")
    assert texts == [FIRST.text, SECOND.text, EVIL.text]
    assert visible(page) == [
        "Imatinib 400 mg", "Imatinib", "severe\nmuscle cramps", "</script>", "end",
    ]  # fmt: skip
    assert page.locator("article .error").all_text_contents() == ["is encrypted"]


def test_hostile_text_and_names_stay_text(page: Page) -> None:
    assert page.title() == "Entities"
    assert page.locator("article img").count() == 0
    assert page.locator("article b").count() == 0
    assert "<b>evil</b>.txt" in page.locator("nav").inner_text()


def test_the_legend_counts_and_filters(page: Page) -> None:
    counts = page.locator("#types output").all_text_contents()
    names = page.locator("#types .name").all_text_contents()
    assert dict(zip(names, counts, strict=True)) == {"drug": "3", "adverse event": "1", "dose": "1"}
    page.get_by_label("dose").uncheck()
    assert "Imatinib 400 mg" not in visible(page)
    assert "Imatinib" in visible(page)
    page.get_by_role("button", name="none").click()
    assert visible(page) == []
    page.get_by_role("button", name="all").click()
    assert len(visible(page)) == 5


def test_the_score_filters_and_the_counts_follow(page: Page) -> None:
    page.locator("#score").fill("0.6")
    # An entity without a score is never hidden by one.
    assert visible(page) == ["Imatinib", "severe\nmuscle cramps", "end"]
    assert page.locator("#types output").first.text_content() == "2"
    assert "3 shown of 5" in page.locator("#total").inner_text()
    by_document = page.locator("nav output").all_text_contents()
    assert by_document == ["2", "0", "0", "1"]
    page.locator("#score").fill("0")
    assert "shown" not in page.locator("#total").inner_text()


def test_switching_colours_off_moves_no_letter(page: Page) -> None:
    where = "() => [...document.querySelectorAll('.text')].map(t => {const r = new Range();"
    where += "r.selectNodeContents(t.lastChild); return [r.getBoundingClientRect().x,"
    where += "t.clientHeight];})"
    before = page.evaluate(where)
    page.get_by_role("button", name="none").click()
    assert page.evaluate(where) == before


def test_a_narrow_screen_and_paper_show_the_text(page: Page) -> None:
    page.set_viewport_size({"width": 400, "height": 700})
    legend, article = page.locator("#types"), page.locator("article").first
    assert legend.bounding_box()["y"] < article.bounding_box()["y"]
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    page.emulate_media(media="print")
    assert article.is_visible()
    assert not page.locator("#least").is_visible()


def test_the_keyboard_is_enough(page: Page) -> None:
    page.get_by_label("drug").focus()
    page.keyboard.press("Space")
    assert "Imatinib" not in visible(page)
    page.locator("nav a").nth(1).focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**#d2")  # the browser goes there when it gets to it
