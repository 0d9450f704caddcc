"""What a migration makes of the rows of before."""

from alembic import command
from sqlalchemy import select, text

from models import Patient, PatientKey, migrate
from models.database import Database
from scheduler import patients
from scheduler.patients import keys

BEFORE = "0006"
PEOPLE = [("M1", "单晓明", "13800138000"), ("m2", "吕布", None), ("M3", "Anna Weiß", "+86571"), ("M4", "😀", None)]


def test_patients_of_before_are_found_as_those_entered_now_and_keep_their_flags(blank_db: Database) -> None:
    with blank_db.engine.execution_options(needlepoint_write=True).begin() as connection:
        command.upgrade(migrate._config(connection), BEFORE)
        for number, (record, name, phone) in enumerate(PEOPLE, start=1001):
            connection.execute(text(f"INSERT INTO resource {RESOURCE}"), {"id": number})
            sound, letters = patients.readings(name)
            row = {"id": number, "record": record, "name": name, "sound": sound, "letters": letters, "phone": phone}
            connection.execute(text(f"INSERT INTO patient {PATIENT}"), row)
    migrate.upgrade(blank_db)
    with blank_db.read() as session:
        for number, (record, name, phone) in enumerate(PEOPLE, start=1001):
            query = select(PatientKey.key).where(PatientKey.patient_id == number)
            assert set(session.scalars(query)) == keys.keys(record, name, phone)
        assert session.scalars(select(Patient.flags)).first() == [{"code": "allergy"}, {"code": "isolation"}]


RESOURCE = """(id, code, kind, name_zh, name_en, attributes, external, ordinal, active, revision)
    VALUES (:id, 'patient:' || CAST(:id AS text), 'patient', '', '', '[]', false, 0, true, 0)"""
PATIENT = """(id, public_id, resource_id, record_number, name, pinyin, initials, sex, birth_date, phone, flags, version,
              created_at)
    VALUES (:id, 'p' || CAST(:id AS text), :id, :record, :name, :sound, :letters, 'male', '1970-01-01', :phone,
            '["allergy", "isolation"]', 1, 0)"""
