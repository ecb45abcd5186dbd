"""Benchmarks: each sets Falselight beside a baseline, in alternating processes of one run."""
