"""Reads lists that come in pages to their true end, or raises: half a list must never look like a whole one."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar
from urllib.parse import parse_qs, urlsplit

from lti_tool.domain.errors import LmsRefused, LmsUnavailable
from lti_tool.lms.http import LmsHttp, Params, Repeat
from lti_tool.lms.lanes import PLACES
from lti_tool.outbound import Answer, host_of

MAX_PAGES = 1000
PAGE = re.compile(r"(?<=[?&]page=)\d+(?=&|$)")

Read = Callable[[str, Params | None], Answer]
OnPage = Callable[[int, int], None]
T = TypeVar("T")
R = TypeVar("R")


def ignore_pages(done: int, total: int) -> None:
    """Take the count of pages read and tell nobody."""


def reader(http: LmsHttp, check: Callable[[Answer], None], headers: Mapping[str, str] | None = None) -> Read:
    """Return a function that gets one page and lets `check` raise on a refusal."""

    def read(url: str, params: Params | None) -> Answer:
        answer = http.send("GET", url, params=params, headers=headers, repeat=Repeat.READING)
        check(answer)
        return answer

    return read


def linked_pages(read: Read, url: str, params: Params | None = None) -> Iterator[Answer]:
    """Yield every page by following rel="next" verbatim (RFC 8288; letters as they are: cursors are opaque).

    Raise LmsRefused("link_elsewhere") for a link to another origin, LmsUnavailable("list_loops" or
    "list_too_long") for a list without an end.
    """
    seen = {url}
    answer = read(url, params)
    yield answer
    while (link := answer.next_url()) is not None:
        _require_same_origin(url, link)
        if link in seen:
            raise LmsUnavailable("list_loops", host=host_of(url))
        if len(seen) >= MAX_PAGES:
            raise LmsUnavailable("list_too_long", host=host_of(url), pages=MAX_PAGES)
        seen.add(link)
        answer = read(link, None)
        yield answer


def numbered_pages(read: Read, url: str, params: Params, on_page: OnPage) -> list[Answer]:
    """Return every page of a list, up to four at a time when the first page tells how many there are.

    Canvas numbers most lists and names the last page in the Link header, but may leave that out (canvas.md 1.1);
    then the pages are followed one by one. Raise as `linked_pages`, and LmsUnavailable("list_incomplete") when a
    page in the middle says that it is the last.
    """
    first = read(url, params)
    urls = _other_pages(url, first)
    if not urls:
        return _one_by_one(read, url, first, on_page)
    total = len(urls) + 1
    on_page(1, total)
    pages = [first, *in_parallel(lambda page: read(page, None), urls, lambda done: on_page(done + 1, total))]
    if any(page.next_url() is None for page in pages[:-1]):
        raise LmsUnavailable("list_incomplete", host=host_of(url), pages=total)
    if pages[-1].next_url() is None:
        return pages
    # The list grew while it was read.
    return pages[:-1] + _one_by_one(read, url, pages[-1], lambda done, _: on_page(total - 1 + done, 0))


def _other_pages(url: str, first: Answer) -> list[str]:
    """Return the addresses of pages 2 to last if both `next` and `last` are numbered, else nothing."""
    following, last = first.next_url(), link_of(first, "last")
    if following is None or last is None or _page_number(following) != 2:
        return []
    count = _page_number(last)
    if count is None or count < 2 or count > MAX_PAGES:
        return []
    _require_same_origin(url, following)
    return [PAGE.sub(str(number), following) for number in range(2, count + 1)]


def _one_by_one(read: Read, url: str, first: Answer, on_page: OnPage) -> list[Answer]:
    pages = []

    def read_on(address: str, params: Params | None) -> Answer:
        return first if address == url else read(address, params)

    for page in linked_pages(read_on, url):
        pages.append(page)
        on_page(len(pages), 0 if page.next_url() else len(pages))
    return pages


def in_parallel(work: Callable[[T], R], items: Sequence[T], on_done: Callable[[int], None]) -> list[R]:
    """Return what `work` makes of each item, in their order, a few at a time; the first error ends it."""
    with ThreadPoolExecutor(PLACES) as pool:
        futures: list[Future[R]] = [pool.submit(work, item) for item in items]
        found: list[R] = []
        try:
            for future in futures:
                found.append(future.result())
                on_done(len(found))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return found


def link_of(answer: Answer, relation: str) -> str | None:
    """Return the address of a relation other than `next` in the Link header."""
    for target, parameters in re.findall(r"<([^>]*)>([^<]*)", answer.headers.get("Link", "")):
        if re.search(rf';\s*rel="?{relation}"?', parameters):
            return str(target)
    return None


def _page_number(url: str) -> int | None:
    values = parse_qs(urlsplit(url).query).get("page", [])
    return int(values[0]) if len(values) == 1 and values[0].isdecimal() else None


def _require_same_origin(base: str, link: str) -> None:
    # The token goes with the call, so a link must not lead it to somebody else's server.
    if urlsplit(base)[:2] != urlsplit(link)[:2]:
        raise LmsRefused("link_elsewhere", host=host_of(base))
