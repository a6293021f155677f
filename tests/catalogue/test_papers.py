"""The bibliography is whole, and what is done of it is read from the code."""

import re

import perdita
from perdita.catalogue import papers
from perdita.catalogue.papers import Paper, bibliography, components, paper_rows
from perdita.claims import harness
from perdita.core import catalogue


def test_it_has_every_paper_once():
    text = papers.resources.files("perdita.catalogue").joinpath("bibliography.json").read_text("utf-8")
    slugs = re.findall(r'"slug": "([^"]+)"', text)
    assert len(slugs) == 95
    assert list(bibliography()) == slugs  # a repeated slug would be lost in the mapping


def test_rows_are_well_formed():
    rooms = {*papers.ROOMS, "compare"}
    for paper in bibliography().values():
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", paper.slug)
        assert paper.title
        assert paper.authors
        assert paper.arxiv is None or re.fullmatch(r"\d{4}\.\d{4,5}", paper.arxiv), paper.slug
        assert paper.arxiv or paper.note, f"{paper.slug}: neither an arXiv id nor a note says where it is"
        assert {room.split("/")[0].strip() for room in paper.room.split("+")} <= rooms, paper.room
        assert paper.year is None or 2000 < paper.year < 2030
    assert sum(paper.vectors for paper in bibliography().values()) == 92


def test_cards_and_claims_cite_papers_that_exist():
    cited = {card.name: card.paper for card in perdita.cards() if card.paper is not None}
    assert cited, "no card cites a paper"
    assert set(cited.values()) <= set(bibliography()), cited
    assert set(components()) <= set(bibliography())
    assert harness.slugs()
    assert set(harness.slugs()) <= set(bibliography())


def test_components_are_read_from_the_cards():
    others = catalogue.components()
    for slug, names in components().items():
        assert names == sorted(names)
        for name in names:
            assert others.get(name, slug) == slug
            assert name in others or perdita.card(name).paper == slug
    assert components()["squentropy"] == ["binary_squentropy", "squentropy"]


def test_components_that_are_no_losses_are_read_from_their_registry(monkeypatch):
    monkeypatch.setattr(catalogue, "components", lambda: {"CrReLU": "crrelu"})
    assert components()["crrelu"] == ["CrReLU"]


def test_a_row_carries_the_stored_result_of_its_claim(monkeypatch):
    stored = {
        "slug": "squentropy", "statement": "s", "rule": "r", "verdict": "inconclusive", "effect": 0.5,
        "interval": [0.25, 0.75], "baseline": 0.0, "measured": 0.5, "n": 5, "seconds": 1.5, "date": "2026-01-01",
    }  # fmt: skip
    monkeypatch.setattr(harness, "stored_results", lambda: {"squentropy": stored})
    rows = {row["slug"]: row for row in paper_rows()}
    assert len(rows) == 95
    assert all(set(row) == {"slug", "title", "room", "components", "vectors", "claim"} for row in rows.values())
    assert rows["squentropy"]["claim"] == {
        "statement": "s", "verdict": "inconclusive", "effect": 0.5, "interval": [0.25, 0.75], "n": 5, "seconds": 1.5,
    }  # fmt: skip
    assert rows["polyloss"]["claim"] is None


def test_a_citation_leaves_out_what_is_not_known():
    paper = Paper("a", "On A", "Ann", "ICML", 2023, "2301.00001", "theory", False, "")
    assert paper.citation == 'Ann, "On A", ICML 2023, arXiv 2301.00001'
    preprint = Paper("a", "On A", "Ann", "arXiv", 2023, "2301.00001", "theory", False, "")
    assert preprint.citation == 'Ann, "On A", 2023, arXiv 2301.00001'
    unnumbered = Paper("a", "On A", "Ann", "ICML", None, None, "theory", False, "")
    assert unnumbered.citation == 'Ann, "On A", ICML'
