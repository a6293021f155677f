"""The documented table of claims is the one that the stored results give."""

from tools.claims_page import PAGE, page


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "docs/claims.md differs from the results: run `make claims`"


def test_every_stored_verdict_is_on_the_page() -> None:
    from perdita.claims.harness import stored_results

    text = page()
    for slug, result in stored_results().items():
        assert f"(`{slug}`) | **{result['verdict']}** |" in text
