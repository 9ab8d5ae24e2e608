"""The command line `lti-tool`: errors go to standard error in one clear line, and the exit status says so."""

import os
import sqlite3
import sys
from typing import NoReturn

import click
import psycopg
from sqlalchemy.exc import OperationalError

from lti_tool.cli import courses, database, demo, doctor, keys, oauth_clients, registrations, secrets, serve
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
    oauth_clients.oauth_client,
    secrets.secrets,
    courses.course,
    courses.sync,
    courses.publish,
    courses.push,
    doctor.doctor,
):
    cli.add_command(command)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit; every expected error is one line on standard error and a status other than 0."""
    os.umask(0o077)  # what the tool keeps is for its own user only: people's data, keys
    try:
        sys.exit(cli(arguments, prog_name="lti-tool", standalone_mode=False) or 0)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(error.exit_code)
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else "lti-tool"
        _stop(f"{error.format_message()} (see {command} --help)", error.exit_code)
    except click.ClickException as error:
        _stop(error.format_message(), error.exit_code)
    except click.Abort:
        _stop("stopped", 130)
    except SettingsError as error:
        _stop(str(error), 2)
    except ToolError as error:
        _stop(sentence(error), 1)
    except (OperationalError, psycopg.OperationalError, sqlite3.OperationalError) as error:
        # The driver's text may run over lines and name the user; its first line says enough.
        reason = str(getattr(error, "orig", error)).partition("\n")[0].strip()
        _stop(f"the database cannot be used: {reason}; check LTI_TOOL_DATABASE_URL, then lti-tool db check", 1)
    except OSError as error:
        _stop(f"{error.strerror or error}: {error.filename or 'no file'}", 1)


def _stop(line: str, status: int) -> NoReturn:
    click.echo(f"lti-tool: {' '.join(line.split())}", err=True)
    sys.exit(status)
