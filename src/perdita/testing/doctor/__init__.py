"""The loss doctor: the battery on any loss, with what to do about each failure, its traits and its price."""

from perdita.testing.doctor.diagnosis import Diagnosis, Finding, diagnose, locate
from perdita.testing.doctor.junit import to_junit

__all__ = ["Diagnosis", "Finding", "diagnose", "locate", "to_junit"]
