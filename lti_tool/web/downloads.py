"""Answers with a file to keep, under a name that is safe in every header and on every disk."""

import re
import unicodedata
from collections.abc import Iterable
from pathlib import PurePosixPath
from urllib.parse import quote

from flask import Response

UNSAFE = re.compile(r'[\\/:*?"<>|%\x00-\x1f\x7f]+')
LONGEST = 120


def download(filename: str, mimetype: str, body: bytes | Iterable[bytes]) -> Response:
    """Return `body` as a file to save, never cached; its name may be in any script (RFC 6266, RFC 8187).

    Links to it bear no `download` attribute: inside a frame Chromium would ask without the session's cookie.
    """
    name = _safe(filename)
    # Taken apart, a letter may turn out to be a quotation mark or a slash: the plain name is made safe once more.
    plain = _safe(unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode())
    disposition = f'attachment; filename="{plain}"'
    if plain != name:
        disposition += f"; filename*=UTF-8''{quote(name, safe='')}"
    response = Response(body, mimetype=mimetype)
    response.headers["Content-Disposition"] = disposition
    response.headers["Cache-Control"] = "no-store"
    return response


def _safe(filename: str) -> str:
    # An "x" in front keeps ".csv" an ending: a name of which nothing else is left gets another one.
    path = PurePosixPath("x" + UNSAFE.sub("-", filename.encode("utf-8", "ignore").decode()))
    stem = path.stem[1:].strip(" .-")[:LONGEST]
    return f"{stem or 'download'}{path.suffix[:10]}"
