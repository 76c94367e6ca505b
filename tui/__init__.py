"""The terminal UI. It imports uner_edge only."""
