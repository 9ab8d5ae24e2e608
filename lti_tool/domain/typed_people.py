"""Parts what somebody typed into the names, numbers and addresses of people (FORM-39)."""

from collections.abc import Callable, Sequence
from itertools import groupby

LONGEST_NAME = 8  # words that are looked for as one name where several are typed without a comma


def typed_invitees(text: str, is_known: Callable[[str], bool]) -> list[str]:
    """Return the names, numbers and addresses that somebody typed, each once, in their order (FORM-39).

    Commas, semicolons and line breaks part them, and so do addresses, with the blanks around them. Other blanks do
    where what they part is known (`is_known`) and the whole is not, because people have names with blanks in them.
    """
    lines = [part for line in text.replace(";", ",").splitlines() for part in line.split(",")]
    found: dict[str, None] = {}
    for line in lines:
        for is_address, run in groupby(line.split(), lambda word: "@" in word):
            words = list(run)
            pieces = [word.strip("<>") for word in words] if is_address else _parted(words, is_known)
            found.update(dict.fromkeys(pieces))
    return list(found)


def _parted(words: Sequence[str], is_known: Callable[[str], bool]) -> list[str]:
    """Part words into the longest known ones from the left; all are one when a word is left over that is no number."""
    whole, found, place = " ".join(words), [], 0
    if is_known(whole):
        return [whole]
    while place < len(words):
        most = min(len(words) - place, LONGEST_NAME)
        runs = (" ".join(words[place : place + size]) for size in range(most, 0, -1))
        run = next(filter(is_known, runs), words[place])
        if not is_known(run) and not any(map(str.isdigit, run)):
            return [whole]
        found.append(run)
        place += len(run.split())
    return found
