"""Every page, looked at by those who may see it: it renders, and the browser checks it."""

from typing import Any

from lti_tool.domain.clock import now


def test_a_teacher_can_open_every_page(world: Any, lms: Any) -> None:
    ana, bo = world.member("Ana López"), world.member("Bo Ek")
    world.member("Tim Aide", enrollment_type="ta")
    local = world.group_set("Projects", {"Team 1": [ana], "Team 2": []})
    world.group_set("Labs", {"Lab A": [bo]}, connection="canvas", last_updated=now())
    run_id = world.run("pull")
    teacher = world.browser()
    team = world.names["Team 1"]
    for path in (
        "",
        "roster",
        "group-sets",
        "group-sets/new",
        f"group-sets/{local}",
        f"group-sets/{local}/edit",
        f"group-sets/{local}/delete",
        f"group-sets/{local}/groups/{team}/edit",
        f"group-sets/{local}/groups/{team}/delete",
        f"group-sets/{local}/members/{ana}",
        f"group-sets/{local}/random?seed=1",
        f"runs/{run_id}",
        "activity",
    ):
        page = teacher.get(path)
        assert "Biology 101" in page.title.text
        assert "Tina Teacher" in page.header.text
