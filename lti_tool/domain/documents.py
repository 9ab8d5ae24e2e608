"""Documents of a group: which files are taken, under which names, as what they are handed out, and for how long."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from lti_tool.domain.errors import Forbidden, RuleViolation
from lti_tool.domain.groups import clean_text

MEGABYTE = 1_000_000
MOST_DOCUMENTS = 500  # of one group: the page lists them all
FILENAME_LENGTH = 150
ADDRESS_LIFETIME = timedelta(minutes=5)
OFFICE = "application/vnd.openxmlformats-officedocument"
OPEN_DOCUMENT = "application/vnd.oasis.opendocument"
BYTES = "application/octet-stream"  # also for what a browser would run or draw as a page: HTML, SVG, XML, scripts
TEXT = "text/plain"

# What is handed out under each ending, whatever the sender's browser called it; an ending that is not here is refused.
MEDIA_TYPES: Mapping[str, str] = {
    "pdf": "application/pdf",
    "doc": "application/msword",
    "xls": "application/vnd.ms-excel",
    "ppt": "application/vnd.ms-powerpoint",
    "docx": f"{OFFICE}.wordprocessingml.document",
    "xlsx": f"{OFFICE}.spreadsheetml.sheet",
    "pptx": f"{OFFICE}.presentationml.presentation",
    "odt": f"{OPEN_DOCUMENT}.text",
    "ods": f"{OPEN_DOCUMENT}.spreadsheet",
    "odp": f"{OPEN_DOCUMENT}.presentation",
    "odg": f"{OPEN_DOCUMENT}.graphics",
    "rtf": "application/rtf",
    "epub": "application/epub+zip",
    **dict.fromkeys(("txt", "md", "csv", "tsv", "log", "tex", "bib", "json", "yaml", "yml", "toml"), TEXT),
    **dict.fromkeys(("py", "ipynb", "r", "java", "c", "h", "cpp", "hpp", "cs", "go", "rs", "sql", "m", "kt"), TEXT),
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "gif": "image/gif",
    "webp": "image/webp",
    "heic": "image/heic",
    "bmp": "image/bmp",
    "tif": "image/tiff",
    "tiff": "image/tiff",
    "mp3": "audio/mpeg",
    "m4a": "audio/mp4",
    "wav": "audio/wav",
    "ogg": "audio/ogg",
    "mp4": "video/mp4",
    "webm": "video/webm",
    "mov": "video/quicktime",
    "zip": "application/zip",
    "gz": "application/gzip",
    "tar": "application/x-tar",
    "7z": "application/x-7z-compressed",
    **dict.fromkeys(("html", "htm", "xhtml", "svg", "xml", "css", "js", "mjs", "ts", "jsx", "tsx"), BYTES),
    **dict.fromkeys(("drawio", "fig", "psd", "ai", "blend", "stl", "dwg"), BYTES),
}


@dataclass(frozen=True)
class DocumentLimits:
    """How large one file and all files of a group may be, in megabytes."""

    file_megabytes: int
    group_megabytes: int

    @property
    def file_bytes(self) -> int:
        """Return the most bytes of one file."""
        return self.file_megabytes * MEGABYTE

    def require_room(self, used: int, count: int, size: int) -> None:
        """Raise RuleViolation when a group that holds `count` files of `used` bytes takes none of `size` more."""
        if count >= MOST_DOCUMENTS:
            raise RuleViolation("documents_many", limit=MOST_DOCUMENTS)
        if used + size > self.group_megabytes * MEGABYTE:
            raise RuleViolation("documents_full", limit=self.group_megabytes)


def clean_filename(name: str) -> str:
    """Return the name of an uploaded file as it is kept: one line, no path, nothing unseen, its ending whole.

    Raise RuleViolation("document_type") for an ending that is not taken, also for a name without one.
    """
    bare = " ".join(clean_text(name.replace("\\", "/").rpartition("/")[2]).split()).strip(" .")
    stem, dot, ending = bare.rpartition(".")
    stem = stem.rstrip(" .")
    if not dot or not stem or ending.lower() not in MEDIA_TYPES:
        raise RuleViolation("document_type", found=f".{ending[:10]}" if dot else "")
    return f"{stem[: FILENAME_LENGTH - len(ending) - 1].rstrip(' .')}.{ending}"


def media_type(name: str) -> str:
    """Return as what a file of this clean name is handed out; never as anything that a browser would run."""
    return MEDIA_TYPES.get(name.rpartition(".")[2].lower(), BYTES)


@dataclass(frozen=True)
class DocumentAddress:
    """The short address of a document: for one person, until a time (Unix seconds)."""

    owner: str
    document: str
    expires: int

    def signature(self, secret: str) -> str:
        """Return what makes the address genuine."""
        text = f"document:{self.owner}:{self.document}:{self.expires}"
        return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()

    def require(self, secret: str, signature: str, at: datetime) -> None:
        """Raise Forbidden unless the address was given to this person for this document and its time is not up."""
        genuine = hmac.compare_digest(self.signature(secret).encode(), signature.encode())
        if not genuine or at.timestamp() >= self.expires:
            raise Forbidden("document_address")
