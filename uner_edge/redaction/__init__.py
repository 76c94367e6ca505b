"""Redaction: what was found is replaced everywhere, and the outcome is searched again.

``replacements`` decides what stands for what and finds it in any text; ``rewrite`` and ``docx``
change files; ``vault`` keeps the map of pseudonyms; ``story`` is the whole of it.
"""
