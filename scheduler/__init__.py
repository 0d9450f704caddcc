"""The booking engine and everything decided around it; knows no HTTP."""
