"""The ward: admit, transfer, lodge, discharge, extend; and what it counts: census and occupancy."""

from scheduler.ward.census import BedState, Census, Expected, Lodger, Lying, Stay, census, stays
from scheduler.ward.occupancy import LONGEST_REPORT_DAYS, OccupancyDay, occupancy
from scheduler.ward.staying import (
    CLOCK_TOLERANCE,
    EARLY,
    Admission,
    Lodging,
    admit,
    discharge,
    encounter_by_public_id,
    extend,
    lodge,
    transfer,
)

__all__ = [
    "CLOCK_TOLERANCE",
    "EARLY",
    "LONGEST_REPORT_DAYS",
    "Admission",
    "BedState",
    "Census",
    "Expected",
    "Lodger",
    "Lodging",
    "Lying",
    "OccupancyDay",
    "Stay",
    "admit",
    "census",
    "discharge",
    "encounter_by_public_id",
    "extend",
    "lodge",
    "occupancy",
    "stays",
    "transfer",
]
