"""A reader in a browser searches and finds, and on a telephone nothing of a page is cut off."""

from __future__ import annotations

import pytest

from tests.browser import Browser, needs_chromium

pytestmark = [pytest.mark.slow, needs_chromium]
PAGES = (
    "index", "search", "reference/index", "reference/losses/focal", "reference/modules/kernels", "reference/benchmarks",
    "claims", "which-loss", "tutorials/first-comparison", "tutorials/noisy-labels", "tutorials/language-model-head",
    "how-to/integrations", "explanation/statistics", "explanation/pair_losses",
)  # fmt: skip
CUT = """[...document.querySelectorAll("article *")].filter((one) => {
  const style = getComputedStyle(one);
  return one.clientWidth && one.scrollWidth > one.clientWidth + 2 && ["hidden", "clip"].includes(style.overflowX);
}).map((one) => one.outerHTML.slice(0, 80))"""


def test_a_reader_searches_and_finds(address: str, browser: Browser) -> None:
    browser.open(f"{address}/search.html?q=squentropy")
    found = browser.until("[...document.querySelectorAll('#search-results li a')].map((one) => one.href)")
    assert found[0].startswith(f"{address}/reference/losses/squentropy.html")
    assert browser.complaints == []


def test_the_list_of_losses_has_a_filter(address: str, browser: Browser) -> None:
    browser.open(f"{address}/reference/index.html")
    shown = (
        "[...document.querySelectorAll('td:first-child')].filter((one) => one.offsetHeight).map((one) => one.innerText)"
    )
    every = browser.evaluate(shown)
    assert len(every) > 200
    assert type_in(browser, "tversky segmentation") == "2 losses have these words"
    assert browser.evaluate(shown) == ["binary_tversky", "tversky"]
    heads = "[...document.querySelectorAll('h2')].filter((one) => one.offsetHeight).map((one) => one.firstChild.data)"
    assert browser.evaluate(heads) == ["segmentation"]
    assert type_in(browser, "BCEWithLogitsLoss") == "1 loss has these words"  # another name of it
    assert browser.evaluate(shown) == ["binary_cross_entropy"]
    assert type_in(browser, "qqqq") == "no losses have these words"
    assert type_in(browser, "") == ""
    assert browser.evaluate(shown) == every


def type_in(browser: Browser, words: str) -> str:
    """What the page says once these words stand in its field."""
    return browser.evaluate(f"""(() => {{
      const field = document.querySelector(".filter");
      field.value = {words!r};
      field.dispatchEvent(new Event("input"));
      return document.querySelector(".filter + span").innerText;
    }})()""")


def test_a_name_in_the_table_that_chooses_leads_to_its_loss(address: str, browser: Browser) -> None:
    browser.open(f"{address}/which-loss.html")
    assert browser.evaluate("document.querySelector('td a').href").startswith(f"{address}/reference/losses/")


@pytest.mark.parametrize("page", PAGES)
def test_nothing_of_a_page_is_cut_off(page: str, address: str, browser: Browser) -> None:
    for width in (1280, 400):
        browser.open(f"{address}/{page}.html", width)
        assert browser.overflow() == (0, []), width
        assert browser.evaluate(CUT) == [], width


def test_what_is_too_wide_is_seen(browser: Browser) -> None:
    page = "data:text/html,<meta name=viewport content=width=device-width><div style='width: {}px'>wide</div>"
    browser.open(page.format(380), 400)
    assert browser.overflow() == (0, [])
    browser.open(page.format(700), 400)
    past, elements = browser.overflow()
    assert past >= 300
    assert elements == ["DIV."]
