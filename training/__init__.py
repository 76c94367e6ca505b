"""Distil and tune students: data, loops, evaluation. Run from a checkout, never installed."""
