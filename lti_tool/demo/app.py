"""The Flask program of the demo LMS and the object through which tests and the command line hold it."""

import atexit
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from flask import Flask, request
from flask.typing import ResponseReturnValue

from lti_tool.demo import (
    canvas_api,
    canvas_courses,
    canvas_csv,
    canvas_graphql,
    canvas_groups,
    canvas_lti,
    canvas_oauth,
    canvas_registering,
    canvas_sets,
    control,
    course_groups,
    moodle_groupings,
    moodle_groups,
    moodle_lti,
    moodle_people,
    moodle_registering,
    moodle_ws,
    nrps,
    pages,
    placed_links,
    registry,
    snapshot,
    tokens,
)
from lti_tool.demo.big import make_big_course
from lti_tool.demo.config import CANVAS_CUSTOM, FLAVOURS, MOODLE_CUSTOM, Flavour, LmsConfig, ToolLink
from lti_tool.demo.faults import Faults
from lti_tool.demo.hub import Hub

# Modules that only add views to a blueprint; importing them is what registers the views.
REGISTERING = (
    canvas_courses,
    canvas_csv,
    canvas_groups,
    canvas_sets,
    moodle_groupings,
    moodle_groups,
    moodle_people,
)
BLUEPRINTS = (
    canvas_api.bp,
    canvas_graphql.bp,
    canvas_lti.bp,
    canvas_oauth.bp,
    canvas_registering.bp,
    control.bp,
    course_groups.canvas_bp,
    course_groups.moodle_bp,
    moodle_lti.bp,
    moodle_registering.bp,
    moodle_ws.bp,
    nrps.canvas_bp,
    nrps.moodle_bp,
    pages.bp,
    placed_links.bp,
    tokens.canvas_bp,
    tokens.moodle_bp,
)


class LockingFlask(Flask):
    """A Flask program whose views run one at a time; what comes before and after a view does not."""

    hub: Hub

    def dispatch_request(self) -> ResponseReturnValue:
        view = self.view_functions.get(request.endpoint or "")
        if getattr(view, "takes_lock_itself", False):
            return super().dispatch_request()
        with self.hub.lock:
            self.hub.run_due_jobs()
            return super().dispatch_request()


class DemoLms:
    """A demo LMS: its Flask program and the switches that tests use without HTTP."""

    def __init__(self, config: LmsConfig) -> None:
        self.config = config
        self.hub = Hub(config)
        self.app: Flask = self._make_app()
        self._saver: snapshot.Saver | None = None
        loaded = config.state_file is not None and snapshot.load(self.hub, config.state_file)
        if not loaded:
            self.hub.reset()
        if config.state_file is not None:
            self._saver = snapshot.Saver(self.hub, config.state_file)
            atexit.register(self.close)

    def _make_app(self) -> Flask:
        app = LockingFlask("lti_tool.demo", static_folder="static", static_url_path="/demo-static")
        app.hub = self.hub
        app.extensions["demo_lms"] = self.hub
        # A Moodle call with thousands of fields must reach the place where Moodle itself cuts it.
        app.config.update(MAX_FORM_MEMORY_SIZE=64_000_000, MAX_FORM_PARTS=100_000)
        app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
        for blueprint in BLUEPRINTS:
            app.register_blueprint(blueprint)
        return app

    def install_tool(self, flavour: Flavour, tool: ToolLink) -> None:
        """Make a tool known to a site; it gets the usual custom parameters if it names none."""
        if not tool.custom:
            tool = replace(tool, custom=CANVAS_CUSTOM if flavour == "canvas" else MOODLE_CUSTOM)
        with self.hub.lock:
            self.hub.tools[flavour] = tool
            self.hub.added[flavour][registry.OWN] = registry.AddedTool(
                registry.OWN, "LTI Groups, as installed", tool, "on"
            )

    def make_big_course(self, flavour: Flavour, students: int | None = None, groups: int = 400) -> str:
        """Return the LMS's id of the big course, made if it does not exist yet."""
        count = self.config.big_course_students if students is None else students
        with self.hub.lock:
            return str(make_big_course(self.hub.sites[flavour], count, groups))

    def reset(self) -> None:
        """Go back to the small courses and no faults; keys and tools stay."""
        with self.hub.lock:
            self.hub.reset()

    def calls(self) -> dict[str, Any]:
        """Return the numbers of API calls, as ``GET /control/calls`` does."""
        with self.hub.lock:
            return control.counts(self.hub)

    def reset_calls(self) -> None:
        """Count from nought again."""
        with self.hub.lock:
            for counter in self.hub.calls.values():
                counter.clear()
            self.hub.counted = 0
            self.hub.most_at_once = dict.fromkeys(FLAVOURS, 0)

    def faults(self, values: Mapping[str, Any] | None = None) -> Faults:
        """Return the faults, after setting those that are given; an empty mapping resets all."""
        with self.hub.lock:
            if values is not None and not values:
                self.hub.faults = Faults()
            self.hub.faults.update(dict(values or {}))
            return self.hub.faults

    def close(self) -> None:
        """Save what is left to save and stop the saving thread."""
        if self._saver is not None:
            self._saver.close()
            self._saver = None
            atexit.unregister(self.close)


def create_lms(config: LmsConfig) -> DemoLms:
    """Return a new demo LMS."""
    return DemoLms(config)
