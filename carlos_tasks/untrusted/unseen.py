"""Characters that nobody sees: what a text holds and does not show, or what makes it read other than it is written.

A text that somebody signs for must read as it is written. Refused are control characters, direction overrides and
isolates, characters without width and line separators. Some characters without width are letters' own in some scripts,
and are taken there: joiners in Persian, Hindi or an emoji made of several, direction marks beside letters that run from
right to left, the selectors that choose between a symbol's forms. Elsewhere they hide something and are refused.
"""

import unicodedata

_LINE_ENDS_AND_TAB = "\n\r\t"
_JOINERS = "\u200c\u200d"
_DIRECTION_MARKS = "\u200e\u200f\u061c"
# Signs that Unicode counts as format characters though everybody sees them: they embrace the numbers behind them.
_SEEN = frozenset("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd")
# Without width, and no format characters by their category: fillers of Hangul and Khmer, the grapheme joiner.
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0")
# First words of the names of letters whose scripts join them, or keep them apart, by a joiner.
_JOINED_SCRIPTS = frozenset(
    (
        *("ARABIC", "SYRIAC", "NKO", "MANDAIC", "MONGOLIAN", "ADLAM", "DEVANAGARI", "BENGALI", "GURMUKHI", "GUJARATI"),
        *("ORIYA", "TAMIL", "TELUGU", "KANNADA", "MALAYALAM", "SINHALA", "KHMER", "MYANMAR", "TIBETAN", "JAVANESE"),
    )
)


def unseen_character(text: str) -> str | None:
    """Name the first character of a text that nobody sees, or that changes how the rest reads.

        "safe\\u202egnp.exe"
        "U+202E RIGHT-TO-LEFT OVERRIDE, character 5"

    Returns:
        Its number, its name and its place; None: the text reads as it is written.
    """
    if text.isascii() and text.isprintable():  # as most are
        return None
    has_right_to_left = None
    for place, character in enumerate(text):
        category = unicodedata.category(character)
        if category in ("Cc", "Cs"):
            is_taken = character in _LINE_ENDS_AND_TAB
        elif character in _DIRECTION_MARKS:
            if has_right_to_left is None:
                has_right_to_left = any(unicodedata.category(c)[0] == "L" and _runs_left(c) for c in text)
            is_taken = has_right_to_left
        elif character in _JOINERS:
            is_taken = _joins(text, place)
        elif _is_selector(character):
            is_taken = _selects(text, place)
        else:
            is_ignorable = (
                character == "\u2065" or "\ufff0" <= character <= "\ufff8" or "\U000e0000" <= character <= "\U000e0fff"
            )
            is_format = category in ("Cf", "Zl", "Zp") and character not in _SEEN
            is_taken = not (is_format or is_ignorable or character in _BLANK)
        if not is_taken:
            name = unicodedata.name(character, "a control character")
            return f"U+{ord(character):04X} {name}, character {place + 1}"
    return None


def _runs_left(character: str) -> bool:
    return unicodedata.bidirectional(character) in ("R", "AL")


def _joins(text: str, place: int) -> bool:
    """Whether a joiner stands where one belongs: behind a letter of a script that has them, or within an emoji."""
    before, after = text[place - 1 : place], text[place + 1 : place + 2]
    if not before or not after:
        return False
    is_letter = unicodedata.category(before)[0] in "LM"
    if is_letter and unicodedata.name(before, "").partition(" ")[0] in _JOINED_SCRIPTS:
        return True
    is_within_emoji = _is_symbol(before) or before == "\ufe0f" or "\U0001f3fb" <= before <= "\U0001f3ff"
    return text[place] == "\u200d" and is_within_emoji and _is_symbol(after)


def _is_selector(character: str) -> bool:
    return "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef"


def _selects(text: str, place: int) -> bool:
    """Whether a variation selector, one alone, stands behind a sign that has several forms."""
    before = text[place - 1 : place]
    if not before:
        return False
    if text[place] >= "\U000e0100":
        return unicodedata.name(before, "").startswith("CJK ")
    is_keycap = before in "0123456789#*"
    return (
        _is_symbol(before) or is_keycap or before in "\u203c\u2049" or unicodedata.name(before, "").startswith("CJK ")
    )


def _is_symbol(character: str) -> bool:
    return unicodedata.category(character) in ("So", "Sm", "Cn") and not character.isascii()
