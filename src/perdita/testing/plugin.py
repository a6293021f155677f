"""A pytest plugin: every check of the battery on the losses that the settings name, each a test of its own.

    [tool.pytest.ini_options]
    addopts = "-p perdita.testing.plugin"
    perdita_losses = ["mypackage.losses:my_loss", "torch.nn:CrossEntropyLoss"]

A failure shows its smallest input and what to do; a check that does not apply is skipped. ``-k`` selects among them:
``-k "my_loss and gradcheck"``. ``--perdita-loss mypackage.losses:my_loss`` names a loss on the command line instead.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from perdita.testing.subject import Subject

NAMED = "of a loss whose conformance is tested, as module:name"


def pytest_addoption(parser: pytest.Parser) -> None:
    """The losses, in the settings or on the command line."""
    parser.addini("perdita_losses", f"Names, each {NAMED}.", type="linelist", default=[])
    parser.getgroup("perdita").addoption(
        "--perdita-loss", action="append", default=[], metavar="MODULE:NAME", help=f"Name {NAMED}; may be repeated."
    )


@pytest.hookimpl(tryfirst=True)  # so that -k and marks select among them
def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Add the tests of the losses to those that were found in files."""
    for name in dict.fromkeys([*config.getini("perdita_losses"), *config.getoption("--perdita-loss")]):
        loss = Loss.from_parent(session, name=name, nodeid=name)
        found = list(loss.collect())
        report = pytest.CollectReport(loss.nodeid, "passed", None, found)
        config.hook.pytest_collectreport(report=report)  # so that the terminal counts them
        items.extend(found)


class Loss(pytest.Collector):
    """One loss, whose tests are its checks."""

    def collect(self) -> Iterator[Conformance]:
        from perdita.core.errors import InputError
        from perdita.testing.battery import subject_of
        from perdita.testing.doctor import locate
        from perdita.testing.registry import CHECKS

        try:
            subject = subject_of(locate(self.name))
        except InputError as error:
            raise pytest.UsageError(str(error)) from error
        for check in CHECKS:
            yield Conformance.from_parent(self, name=check, subject=subject)


class Conformance(pytest.Item):
    """One check of one loss."""

    def __init__(self, *, subject: Subject, **given: Any) -> None:
        super().__init__(**given)
        self.subject = subject

    def runtest(self) -> None:
        from perdita.testing.battery import run_check
        from perdita.testing.doctor.diagnosis import finding
        from perdita.testing.registry import CHECKS

        found = finding(run_check(CHECKS[self.name], self.subject))
        if found.verdict == "fail":
            parts = {"seen": found.message, "input": found.input, "do": found.advice}
            shown = [f"{head}: {text}" for head, text in parts.items() if text]
            pytest.fail("\n".join([f"{found.check} asks: {found.asks}", *shown]), pytrace=False)
        if found.verdict == "not applicable":
            pytest.skip(found.message)

    def reportinfo(self) -> tuple[str, None, str]:
        return self.nodeid.partition("::")[0], None, f"{self.subject.card.name}, {self.name}"
