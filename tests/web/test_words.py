"""The words of the shipped catalogue: pages name every role, family and title."""

from scheduler import department_file
from tests.conftest import DEPARTMENT
from web import words

FILES = department_file.validate(DEPARTMENT)


def test_every_role_of_the_shipped_catalogue_has_a_word() -> None:
    needs = [need for entry in FILES.protocols for step in entry.protocol.steps for need in step.needs]
    needs += [need for entry in FILES.protocols for option in entry.protocol.options for need in option.needs]
    assert sorted({need.role for need in needs} - set(words.ROLES)) == []


def test_every_family_and_every_title_of_the_shipped_department_has_a_word() -> None:
    families = {entry.protocol.family for entry in FILES.protocols}
    families |= {held.family for person in FILES.resources for held in person.licences}
    assert sorted(families - set(words.FAMILIES)) == []
    assert sorted({person.title for person in FILES.resources if person.title} - set(words.TITLES)) == []
