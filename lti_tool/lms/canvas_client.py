"""Speaks Canvas's REST API: one method for each endpoint that the tool uses, under the seeds' names."""

from collections.abc import Iterable, Sequence
from typing import Any

from lti_tool.domain.errors import LmsChanged, LmsRefused, LmsUnavailable
from lti_tool.domain.group_push import require_unrenamed
from lti_tool.lms.canvas_errors import require_success
from lti_tool.lms.http import Form, LmsHttp, Params, Repeat, is_page
from lti_tool.lms.paging import OnPage, ignore_pages, numbered_pages, reader
from lti_tool.outbound import Answer, host_of

Json = dict[str, Any]
SHARD = 10**13  # what an id of shard 2 begins with is 2 and these noughts
PER_PAGE = 100  # Canvas gives no more, whatever is asked (canvas.md 1.1)
LONGEST_NAME = 255
LONGEST_SET_NAME = 250  # 255 less the digits that Canvas may append
UNNAMED_SET = "Unnamed Category"  # for Canvas may have none
RESERVED_NAMES = ("Student Groups", "Imported Groups")
ROSTER_STATES = ("active", "invited", "inactive", "completed")


class CanvasClient:
    """Canvas's REST API for one token; each method raises what `canvas_errors.require_success` lists."""

    def __init__(self, http: LmsHttp, base_url: str) -> None:
        self.http = http
        self.api = base_url.rstrip("/").removesuffix("/api/v1") + "/api/v1"

    # -- reading -------------------------------------------------------------------------------------------

    def get_permissions(self, course_id: str, permissions: Sequence[str]) -> dict[str, bool]:
        """Ask which of these permissions the token's person has (canvas.md 3.5)."""
        params = [("permissions[]", name) for name in permissions]
        path = f"/courses/{course_id}/permissions"
        found: dict[str, bool] = self._get(path, "GET /courses/:course_id/permissions", params).json()
        return found

    def get_users(
        self,
        course_id: str,
        include: Iterable[str],
        on_page: OnPage = ignore_pages,
        user_ids: Iterable[str] = (),
    ) -> list[Json]:
        """Read everybody of a course in every state that counts, or those of `user_ids` (canvas.md 7.2)."""
        params = [("include[]", name) for name in include]
        params += [("enrollment_state[]", state) for state in ROSTER_STATES]
        params += [("user_ids[]", user_id) for user_id in user_ids]
        return self._list(f"/courses/{course_id}/users", "GET /courses/:course_id/users", params, on_page)

    def get_some_users(self, course_id: str, include: Iterable[str]) -> list[Json]:
        """Read a few people of a course, to see what Canvas tells of them."""
        params = [("include[]", name) for name in include]
        path, call = f"/courses/{course_id}/users", "GET /courses/:course_id/users"
        found: list[Json] = self._get(path, call, [*params, ("per_page", 10)]).json()
        return found

    def get_some_groups(self, course_id: str) -> list[Json]:
        """Read a few groups of a course, to see what Canvas tells of them."""
        path, call = f"/courses/{course_id}/groups", "GET /courses/:course_id/groups"
        found: list[Json] = self._get(path, call, [("per_page", 1)]).json()
        return found

    def get_sections(self, course_id: str) -> list[Json]:
        """Read the sections of a course and how many students each has: who they are the users' enrolments tell."""
        params = [("include[]", "total_students")]
        return self._list(f"/courses/{course_id}/sections", "GET /courses/:course_id/sections", params)

    def get_group_categories(self, course_id: str, includes: Iterable[str] = ()) -> list[Json]:
        """Read the group sets of a course, in Canvas's order; the parameter really is `includes` (canvas.md 2.1)."""
        params = [("includes[]", name) for name in includes]
        call = "GET /courses/:course_id/group_categories"
        return self._list(f"/courses/{course_id}/group_categories", call, params)

    def get_group_category(self, category_id: str, includes: Iterable[str] = ()) -> Json:
        """Read one group set; keys without "Allow include parameters" strip what it is to include."""
        params = [("includes[]", name) for name in includes]
        call = "GET /group_categories/:group_category_id"
        found: Json = self._get(f"/group_categories/{category_id}", call, params).json()
        return found

    def get_groups(self, category_id: str) -> list[Json]:
        """Read the groups of a set, without members (canvas.md 2.6)."""
        call = "GET /group_categories/:group_category_id/groups"
        return self._list(f"/group_categories/{category_id}/groups", call)

    def get_course_groups(self, course_id: str, on_page: OnPage = ignore_pages) -> list[Json]:
        """Read the groups of a course, by set and name, without members (canvas.md 3.2)."""
        return self._list(f"/courses/{course_id}/groups", "GET /courses/:course_id/groups", (), on_page)

    def get_group(self, group_id: str) -> Json:
        """Read one group with its members in `users`, if the key may include them (canvas.md 3.1)."""
        found: Json = self._get(f"/groups/{group_id}", "GET /groups/:group_id", [("include[]", "users")]).json()
        return found

    def get_group_members(self, group_id: str) -> list[Json]:
        """Read the members of a group (canvas.md 3.5)."""
        return self._list(f"/groups/{group_id}/users", "GET /groups/:group_id/users")

    def export_group_category(self, category_id: str) -> str:
        """Read the CSV of a set: a row for each active student of the course (canvas.md 5.1)."""
        path, call = f"/group_categories/{category_id}/export", "GET /group_categories/:group_category_id/export"
        return self._get(path, call).text

    def get_progress(self, progress_id: str) -> Json:
        """Read how far a job of Canvas is (canvas.md 5.3)."""
        found: Json = self._get(f"/progress/{progress_id}", "GET /progress/:id").json()
        return found

    # -- group sets ----------------------------------------------------------------------------------------

    def create_group_category(
        self,
        course_id: str,
        name: str,
        self_signup: str | None = None,
        auto_leader: str | None = None,
        group_limit: int | None = None,
    ) -> Json:
        """Create a group set and return it; what is None is not sent (canvas.md 2.3).

        Raise LmsRefused("value_refused", fields=…) before the call for a value that Canvas would silently drop
        or stumble over, LmsRefused("set_name_taken") for a name in use.
        """
        options = {"self_signup": self_signup, "auto_leader": auto_leader, "group_limit": group_limit}
        _require_set_values(name, options)
        form: Form = [("name", name), *((key, value) for key, value in options.items() if value is not None)]
        call = "POST /courses/:course_id/group_categories"
        with _NameInUse():
            made: Json = self._write("POST", f"/courses/{course_id}/group_categories", call, form, Repeat.UNSAFE)
        return made

    def update_group_category(
        self,
        category_id: str,
        name: str | None = None,
        self_signup: str | None = None,
        auto_leader: str | None = None,
        group_limit: int | None = None,
        *,
        off: Iterable[str] = (),
        name_before: str | None = None,
    ) -> Json:
        """Change a group set and return it; what is None stays as it is, and an option named in `off` is taken away.

        Canvas resets what a PUT does not name and then overwrites every group's own limit (canvas.md 2.3); so the
        set is read first and all four values are sent. Raise as `create_group_category`, and as `require_unrenamed`;
        LmsRefused("set_unnamed") for a set without a name, of which Canvas saves nothing until it has one (2.4).
        """
        now = self.get_group_category(category_id)
        require_unrenamed(str(now.get("name") or UNNAMED_SET), name_before, name)
        options = {
            "self_signup": now.get("self_signup") if self_signup is None else self_signup,
            "auto_leader": now.get("auto_leader") if auto_leader is None else auto_leader,
            "group_limit": now.get("group_limit") if group_limit is None else group_limit,
        }
        options |= dict.fromkeys(off)
        wanted = str(now.get("name") or "") if name is None else name
        if name is None and not wanted.strip():
            raise LmsRefused("set_unnamed", host=host_of(self.api))
        _require_set_values(wanted, options)
        form: Form = [("name", wanted), *((key, "" if value is None else value) for key, value in options.items())]
        if now.get("self_signup_end_at"):
            form.append(("self_signup_end_at", now["self_signup_end_at"]))
        call = "PUT /group_categories/:group_category_id"
        with _NameInUse():
            changed: Json = self._write("PUT", f"/group_categories/{category_id}", call, form)
        return changed

    def delete_group_category(self, category_id: str) -> None:
        """Delete a set with its groups; one that is gone counts as deleted (canvas.md 2.5).

        Raise LmsRefused("set_protected") for one of Canvas's own, which Canvas words as a missing right.
        """
        try:
            self._delete(f"/group_categories/{category_id}", "DELETE /group_categories/:group_category_id")
        except LmsRefused as error:
            if error.code == "right_missing" and self.get_group_category(category_id).get("protected"):
                raise LmsRefused("set_protected") from None
            raise

    def import_group_category(self, category_id: str, csv_file: bytes) -> Json:
        """Start the import of a CSV and return its Progress (canvas.md 5.2).

        It is not sent twice: a second import would notify every student again.
        """
        call = "POST /group_categories/:group_category_id/import"
        answer = self.http.send(
            "POST",
            f"{self.api}/group_categories/{category_id}/import",
            repeat=Repeat.UNSAFE,
            data=csv_file,
            headers={"Content-Type": "text/csv; charset=utf-8"},
            read_seconds=60,
        )
        progress: Json = require_success(answer, call).json()
        return progress

    def assign_unassigned(self, category_id: str, sync: bool = True) -> Any:
        """Let Canvas spread the students without a group (canvas.md 2.7).

        Return the groups that gained someone; without `sync`, which is a parameter of the endpoint, a Progress.
        """
        form: Form = [("sync", "true")] if sync else []
        path = f"/group_categories/{category_id}/assign_unassigned_members"
        call = "POST /group_categories/:group_category_id/assign_unassigned_members"
        return self._write("POST", path, call, form, Repeat.UNSAFE)

    # -- groups --------------------------------------------------------------------------------------------

    def create_group(self, category_id: str, name: str, description: str | None = None) -> Json:
        """Create a group in a set and return it (canvas.md 3.3)."""
        require_group_name(name)
        form: Form = [("name", name)]
        if description is not None:
            form.append(("description", description))
        path, call = f"/group_categories/{category_id}/groups", "POST /group_categories/:group_category_id/groups"
        made: Json = self._write("POST", path, call, form, Repeat.UNSAFE)
        return made

    def update_group(
        self,
        group_id: str,
        name: str | None = None,
        description: str | None = None,
        members: Iterable[int | str] | None = None,
    ) -> Json:
        """Change a group and return it with its members in `users`; what is None stays (canvas.md 3.4).

        `members` replaces the whole membership, and nobody in it empties the group. Canvas drops strangers and
        whoever finds the group full without a word: read the answer. Raise LmsRefused("value_refused") before the
        call for ids of which Canvas would read the first digits only (canvas.md 1).
        """
        form: Form = []
        if name is not None:
            require_group_name(name)
            form.append(("name", name))
        if description is not None:
            form.append(("description", description))
        if members is not None:
            members = [long_id(user_id) for user_id in members]
            # A form cannot hold an empty list: one empty entry says it.
            form += [("members[]", user_id) for user_id in dict.fromkeys(members)] or [("members[]", "")]
        changed: Json = self._write("PUT", f"/groups/{group_id}", "PUT /groups/:group_id", form)
        return changed

    def set_group_members(self, group_id: str, user_ids: Iterable[int | str]) -> Json:
        """Make exactly these people the members, each sent once, and return the group with its `users`."""
        return self.update_group(group_id, members=user_ids)

    def delete_group(self, group_id: str) -> None:
        """Delete a group; one that is gone counts as deleted (canvas.md 3.5)."""
        self._delete(f"/groups/{group_id}", "DELETE /groups/:group_id")

    def add_group_member(self, group_id: str, user_id: str) -> Json:
        """Put one person into a group, and out of the other groups of the set (canvas.md 4)."""
        call = "POST /groups/:group_id/memberships"
        made: Json = self._write("POST", f"/groups/{group_id}/memberships", call, [("user_id", user_id)])
        return made

    def remove_group_member(self, group_id: str, user_id: str) -> None:
        """Take one person out of a group; somebody who is not in it counts as taken out (canvas.md 4)."""
        self._delete(f"/groups/{group_id}/users/{user_id}", "DELETE /groups/:group_id/users/:user_id")

    def invite_user_to_group(self, group_id: str, user_ids: Iterable[str]) -> list[Json]:
        """Invite people by e-mail address or id; in a class group they join at once (canvas.md 3.5)."""
        form: Form = [("invitees[]", invitee) for invitee in user_ids]
        invited: list[Json] = self._write("POST", f"/groups/{group_id}/invite", "POST /groups/:group_id/invite", form)
        return invited

    # -- carrying ------------------------------------------------------------------------------------------

    def _get(self, path: str, call: str, params: Params = ()) -> Answer:
        answer = self.http.send("GET", self.api + path, params=list(params), repeat=Repeat.READING)
        return require_success(answer, call)

    def _list(self, path: str, call: str, params: Params = (), on_page: OnPage = ignore_pages) -> list[Json]:
        read = reader(self.http, lambda answer: _require_list(answer, call))
        pages = numbered_pages(read, self.api + path, [*params, ("per_page", PER_PAGE)], on_page)
        entries = [entry for page in pages for entry in page.json()]
        # Canvas leaves links out that are too long, in the end `next` too (canvas.md 1.1); an end names itself.
        if len(entries) == PER_PAGE * len(pages) and "Link" not in pages[-1].headers:
            raise LmsUnavailable("list_incomplete", host=host_of(pages[-1].url), pages=len(pages))
        return entries

    def _write(self, verb: str, path: str, call: str, form: Form, repeat: Repeat = Repeat.SAFE) -> Any:
        answer = self.http.send(verb, self.api + path, data=form, repeat=repeat)
        return require_success(answer, call).json()

    def _delete(self, path: str, call: str) -> None:
        answer = self.http.send("DELETE", self.api + path, repeat=Repeat.SAFE)
        if answer.status != 404 or is_page(answer):  # gone already; but a proxy's page says nothing of it
            require_success(answer, call)


class _NameInUse:
    """Turns a refused name, which was checked for all else, into LmsRefused("set_name_taken")."""

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if isinstance(error, LmsRefused) and error.facts.get("fields") == ["name"]:
            raise LmsRefused("set_name_taken", host=error.facts["host"]) from None


def _require_list(answer: Answer, call: str) -> None:
    if not isinstance(require_success(answer, call).json(), list):
        raise LmsChanged("gone", call=call)


def _require_set_values(name: str, options: Json) -> None:
    limit = options["group_limit"]
    checks = {
        "name": bool(name.strip()) and len(name) <= LONGEST_SET_NAME and name not in RESERVED_NAMES,
        "self_signup": options["self_signup"] in (None, "enabled", "restricted"),
        "auto_leader": options["auto_leader"] in (None, "first", "random"),
        "group_limit": limit is None or (type(limit) is int and limit > 1),
    }
    if refused := [field for field, fine in checks.items() if not fine]:
        raise LmsRefused("value_refused", fields=refused)


def long_id(user_id: int | str) -> str:
    """Return a user's id in digits alone; `2~123` is row 123 of shard 2 (canvas.md 1).

    In a list of members Canvas reads digits up to the first other letter: the short form would name somebody else,
    and a SIS id nobody. Raise LmsRefused("value_refused").
    """
    shard, mark, local = str(user_id).rpartition("~")
    if not local.isdecimal() or (mark and not shard.isdecimal()):
        raise LmsRefused("value_refused", fields=["members"])
    return str(int(shard) * SHARD + int(local)) if mark else local


def require_group_name(name: str) -> None:
    """Raise LmsRefused("value_refused") for a group name that Canvas would not take (canvas.md 3.3)."""
    if not name.strip() or len(name) > LONGEST_NAME:
        raise LmsRefused("value_refused", fields=["name"])
