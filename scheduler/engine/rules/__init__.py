"""The rules, one small file a family: what it masks (for find), what it calls a violation (for check), its facts.

The masks work on the 5-minute grid, the violations on exact seconds, and neither calls the other.
"""
