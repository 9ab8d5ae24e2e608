"""The command line `lti-tool`: errors go to standard error in one clear line, and the exit status says so."""

import sys

import click

from lti_tool.cli import courses, database, demo, doctor, keys, registrations, serve
from lti_tool.cli.errors import sentence
from lti_tool.domain.errors import ToolError
from lti_tool.settings import SettingsError
from lti_tool.version import __version__


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="lti-tool")
def cli() -> None:
    """Run and look after LTI Groups, the LTI 1.3 tool for rosters and groups in Canvas and Moodle."""


for command in (
    demo.demo,
    serve.serve,
    serve.worker,
    database.db,
    keys.keys,
    registrations.registration,
    registrations.token,
    courses.course,
    courses.sync,
    courses.publish,
    courses.push,
    doctor.doctor,
):
    cli.add_command(command)


def main() -> None:
    """Run the command line; every expected error is one line on standard error and status 1."""
    try:
        cli(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort:
        click.echo("stopped", err=True)
        sys.exit(130)
    except SettingsError as error:
        click.echo(f"lti-tool: {error}", err=True)
        sys.exit(2)
    except ToolError as error:
        click.echo(f"lti-tool: {sentence(error)}", err=True)
        sys.exit(1)
