"""Case logs: a hospital's own list of past cases (CSV, XLSX), read by a mapping and booked as if it were planned.

mapping (what the columns mean) → reading (rows of text) → deriving (cases, pure) → importing (the one road) → report.
"""

from calendars.caselog.deriving import Case, Log, cases_of
from calendars.caselog.importing import Options, import_cases
from calendars.caselog.mapping import Mapping, read_mapping
from calendars.caselog.reading import read_file
from calendars.caselog.report import Report

__all__ = ["Case", "Log", "Mapping", "Options", "Report", "cases_of", "import_cases", "read_file", "read_mapping"]
