"""A diagnosis as JUnit XML, which every CI server reads."""

from __future__ import annotations

from xml.etree import ElementTree

from perdita.testing.doctor.diagnosis import Diagnosis


def to_junit(diagnosis: Diagnosis) -> str:
    """One suite with one case for each check; what does not apply, and a proved limit, is skipped with its reason."""
    found = diagnosis.findings
    counts = {
        "tests": len(found),
        "failures": len(diagnosis.failures),
        "skipped": sum(one.verdict in ("not applicable", "limit") for one in found),
    }
    suite = ElementTree.Element(
        "testsuite",
        {
            "name": f"perdita check {diagnosis.loss}",
            **{name: str(count) for name, count in counts.items()},
            "errors": "0",
            "time": f"{sum(one.seconds for one in found):.3f}",
        },
    )
    for one in found:
        case = ElementTree.SubElement(
            suite, "testcase", {"classname": diagnosis.loss, "name": one.check, "time": f"{one.seconds:.3f}"}
        )
        if one.verdict == "fail":
            failure = ElementTree.SubElement(case, "failure", {"message": _printable(one.message)})
            failure.text = _printable("\n".join(part for part in (one.message, one.input, one.advice) if part))
        elif one.verdict != "pass":
            ElementTree.SubElement(case, "skipped", {"message": _printable(f"{one.verdict}: {one.message}")})
    ElementTree.indent(suite)
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def _printable(text: str) -> str:
    """Without the control characters that XML forbids."""
    return "".join(character for character in text if character in "\t\n" or ord(character) >= 32)
