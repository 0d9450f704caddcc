"""Tables, their types and their guards; no rules, no mail, no URLs."""

from models.account import ApiToken, FeedToken, LoginThrottle, Session, User
from models.appointment import (
    ACTIVE_STATUSES,
    INACTIVE_STATUSES,
    MILESTONES,
    Appointment,
    Departure,
    IdempotencyKey,
    Milestone,
    Slot,
    Step,
)
from models.base import Base
from models.department import Demonstration, Department, ProtocolVersion
from models.encounter import BedStay, Encounter
from models.patient import Patient, PatientKey
from models.resource import (
    PERSON_KINDS,
    RESOURCE_KINDS,
    CalendarDay,
    Closure,
    OpeningSession,
    Privilege,
    Resource,
    Schedule,
)
from models.roster import DUTY_KINDS, Duty
from models.service_request import REQUEST_STATUSES, ServiceRequest
from models.trail import Audit, AuditHead, JobRun, Outbox
from models.types import FAR_FUTURE, Instant, NaiveInstant, from_seconds, to_seconds, whole_second

__all__ = [
    "ACTIVE_STATUSES",
    "DUTY_KINDS",
    "FAR_FUTURE",
    "INACTIVE_STATUSES",
    "MILESTONES",
    "PERSON_KINDS",
    "REQUEST_STATUSES",
    "RESOURCE_KINDS",
    "ApiToken",
    "Appointment",
    "Audit",
    "AuditHead",
    "Base",
    "BedStay",
    "CalendarDay",
    "Closure",
    "Demonstration",
    "Department",
    "Departure",
    "Duty",
    "Encounter",
    "FeedToken",
    "IdempotencyKey",
    "Instant",
    "JobRun",
    "LoginThrottle",
    "Milestone",
    "NaiveInstant",
    "OpeningSession",
    "Outbox",
    "Patient",
    "PatientKey",
    "Privilege",
    "ProtocolVersion",
    "Resource",
    "Schedule",
    "ServiceRequest",
    "Session",
    "Slot",
    "Step",
    "User",
    "from_seconds",
    "to_seconds",
    "whole_second",
]
