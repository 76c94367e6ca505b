"""Text as it comes: for property tests about offsets."""

from __future__ import annotations

from hypothesis import strategies as st

_AWKWARD = (
    "word",
    "Word",
    "Ünal",
    "e\u0301te\u0301",  # letters with combining accents
    "\u0301",  # an accent of its own
    "👩🏽\u200d🚀",  # one emoji, four code points
    "🇳🇴",
    "北京",
    "か\u3099",  # kana with a combining voicing mark
    "서울",
    "שלום",
    "نور",
    "\u202eabc",  # right-to-left override
    "ﬁ",
    "ǅ",
    "İi",
    "x" * 130,
    "Q" * 230,
    "1,234.5",
    "snake_case",
    ". ",
    "。",
    " ",
    "\t",
    "\n",
    "\r\n",
    "\r",
    "\u00a0",
    "\u2028",
    "\x1c",
    "\x85",
    "\ufeff",
)

any_text = st.lists(
    st.one_of(st.sampled_from(_AWKWARD), st.just(" "), st.text(max_size=6)), max_size=60
).map("".join)
"""Any Unicode but lone surrogates, rich in what breaks offsets."""
