"""The pure engine: proposals, explanations and checks. No database, no clock, no Flask; standard library only.

Instants here are whole seconds since 1970 UTC (int); spans are half-open. `grid` alone turns them into cells.
"""
