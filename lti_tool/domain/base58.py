"""Ids as people meet them in files: a UUID in base58 with the Bitcoin alphabet, without look-alikes."""

from uuid import UUID

ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
VALUES = {letter: value for value, letter in enumerate(ALPHABET)}
BYTES = 16


def encode(value: UUID) -> str:
    """Return a UUID as at most 22 letters and digits; each zero byte in front is a "1"."""
    rest, letters = value.int, ""
    while rest:
        rest, digit = divmod(rest, len(ALPHABET))
        letters = ALPHABET[digit] + letters
    return "1" * _zeros_in_front(value.bytes) + letters


def decode(text: str) -> UUID:
    """Return the UUID that `encode` wrote; raise ValueError for anything else."""
    number = 0
    for letter in text[: 2 * BYTES]:
        if letter not in VALUES:
            raise ValueError(f"not base58: {text[:40]!r}")
        number = number * len(ALPHABET) + VALUES[letter]
    if number >> (8 * BYTES) or encode(found := UUID(int=number)) != text:
        raise ValueError(f"not the base58 of a UUID: {text[:40]!r}")
    return found


def _zeros_in_front(data: bytes) -> int:
    return len(data) - len(data.lstrip(b"\0"))
