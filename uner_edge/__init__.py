"""uner-edge finds any kind of entity in a person's own files, on their own machine."""

__version__ = "0.1.0"
