"""Rosters as departments keep them: an XLSX sheet a month, people down, days across, a sign a cell.

signs (what a cell says) → reading (a workbook's cells) → sheets (whose day says what, pure) → importing (compare with
what stands and make it true by the roster's own verbs). `template` writes the same shape.
"""

from calendars.roster.faults import BadRoster
from calendars.roster.importing import Preview, look, read, store
from calendars.roster.reading import Sheet, unpack
from calendars.roster.signs import written
from calendars.roster.template import month_book

__all__ = ["BadRoster", "Preview", "Sheet", "look", "month_book", "read", "store", "unpack", "written"]
