"""Proof of the T1583.004 package by its tests: what each test leaves in telemetry, which of the page's signals are there,
which rules fire, and why the others do not."""
