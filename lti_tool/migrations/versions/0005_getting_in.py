"""getting in: registration by a link, refusals, administrators' sessions, links of copied courses."""

from uuid import uuid4

import sqlalchemy as sa
from alembic import op


revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Apply this step: fields, then new tables."""
    for table, columns in _columns().items():
        for column in columns:
            op.add_column(table, column)
    op.create_table(
        'registration_link',
        sa.Column('id', sa.Uuid(), nullable=False),
        sa.Column('token_hash', sa.String(length=64), nullable=False),
        sa.Column('issuer', sa.String(length=255), nullable=True),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('expires_at', TIME, nullable=False),
        sa.Column('used_at', TIME, nullable=True),
        sa.Column('withdrawn_at', TIME, nullable=True),
        sa.Column('registration_id', sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(
            ['registration_id'],
            ['registration.id'],
            name=op.f('fk_registration_link_registration_id'),
            ondelete='SET NULL',
        ),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_registration_link')),
        sa.UniqueConstraint('token_hash', name=op.f('uq_registration_link_token_hash')),
    )
    op.create_table(
        'launch_refusal',
        sa.Column('id', sa.Uuid(), nullable=False),
        sa.Column('registration_id', sa.Uuid(), nullable=False),
        sa.Column('code', sa.String(length=64), nullable=False),
        sa.Column('facts', sa.Text(), nullable=False),
        sa.Column('reference', sa.String(length=8), nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ['registration_id'],
            ['registration.id'],
            name=op.f('fk_launch_refusal_registration_id'),
            ondelete='CASCADE',
        ),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_launch_refusal')),
    )
    op.create_index('ix_launch_refusal_registration_id_created_at', 'launch_refusal', ['registration_id', 'created_at'])
    op.create_table(
        'link_target',
        sa.Column('course_id', sa.Uuid(), nullable=False),
        sa.Column('from_id', sa.Uuid(), nullable=False),
        sa.Column('assignment_id', sa.Uuid(), nullable=True),
        sa.Column('group_set_id', sa.Uuid(), nullable=True),
        sa.Column('created_at', TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ['course_id'], ['course.id'], name=op.f('fk_link_target_course_id'), ondelete='CASCADE'
        ),
        sa.ForeignKeyConstraint(
            ['assignment_id'],
            ['assignment.id'],
            name=op.f('fk_link_target_assignment_id'),
            ondelete='CASCADE',
        ),
        sa.ForeignKeyConstraint(
            ['group_set_id'], ['group_set.id'], name=op.f('fk_link_target_group_set_id'), ondelete='CASCADE'
        ),
        sa.PrimaryKeyConstraint('course_id', 'from_id', name=op.f('pk_link_target')),
    )
    op.create_table(
        'worker_sign',
        sa.Column('id', sa.Integer(), autoincrement=False, nullable=False),
        sa.Column('seen_at', TIME, nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_worker_sign')),
    )
    for name in ('assignment_id', 'group_set_id'):
        op.create_index(op.f(f'ix_link_target_{name}'), 'link_target', [name])
    _create_placing_request()
    _create_asked_right()
    _keep_answers()


def _create_asked_right() -> None:
    """What an access may do is known of each access now, not of the course."""
    op.create_table(
        'asked_right',
        sa.Column('id', sa.Uuid(), nullable=False),
        sa.Column('course_id', sa.Uuid(), nullable=False),
        sa.Column('access_id', sa.Uuid(), nullable=True),
        sa.Column('write_problem', sa.String(length=64), nullable=True),
        sa.Column('asked_at', TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ['course_id'], ['course.id'], name=op.f('fk_asked_right_course_id'), ondelete='CASCADE'
        ),
        sa.ForeignKeyConstraint(
            ['access_id'], ['course_access.id'], name=op.f('fk_asked_right_access_id'), ondelete='CASCADE'
        ),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_asked_right')),
        sa.UniqueConstraint('course_id', 'access_id', name=op.f('uq_asked_right_course_id_access_id')),
    )
    op.create_index(op.f('ix_asked_right_access_id'), 'asked_right', ['access_id'])
    op.create_index(
        'uq_asked_right_of_tool',
        'asked_right',
        ['course_id'],
        unique=True,
        sqlite_where=sa.text('access_id IS NULL'),
        postgresql_where=sa.text('access_id IS NULL'),
    )


COURSE = sa.table(
    'course',
    sa.column('id', sa.Uuid()),
    sa.column('registration_id', sa.Uuid()),
    sa.column('write_problem', sa.String()),
    sa.column('rights_asked_at', TIME),
)
ASKED = sa.table(
    'asked_right',
    sa.column('id', sa.Uuid()),
    sa.column('course_id', sa.Uuid()),
    sa.column('access_id', sa.Uuid()),
    sa.column('write_problem', sa.String()),
    sa.column('asked_at', TIME),
)


def _keep_answers() -> None:
    """Take over what was known where nobody lends: elsewhere nobody knows whose access it was, and it is asked anew."""
    lent = sa.select(sa.table('lms_grant', sa.column('registration_id', sa.Uuid())).c.registration_id)
    known = sa.select(COURSE).where(COURSE.c.rights_asked_at.is_not(None), COURSE.c.registration_id.not_in(lent))
    for course in op.get_bind().execute(known).all():
        values = {'write_problem': course.write_problem, 'asked_at': course.rights_asked_at}
        op.execute(ASKED.insert().values(id=uuid4(), course_id=course.id, **values))
    for name in ('write_problem', 'rights_asked_at'):
        op.drop_column('course', name)


def _give_answers_back() -> None:
    op.add_column('course', sa.Column('write_problem', sa.String(length=64), nullable=True))
    op.add_column('course', sa.Column('rights_asked_at', TIME, nullable=True))
    for asked in op.get_bind().execute(sa.select(ASKED).where(ASKED.c.access_id.is_(None))).all():
        values = {'write_problem': asked.write_problem, 'rights_asked_at': asked.asked_at}
        op.execute(COURSE.update().where(COURSE.c.id == asked.course_id).values(**values))


def _create_placing_request() -> None:
    op.create_table(
        'placing_request',
        sa.Column('id', sa.Uuid(), nullable=False),
        sa.Column('access_id', sa.Uuid(), nullable=False),
        sa.Column('nonce_hash', sa.String(length=64), nullable=False),
        sa.Column('lms_deployment_id', sa.String(length=255), nullable=False),
        sa.Column('return_url', sa.Text(), nullable=False),
        sa.Column('data', sa.Text(), nullable=True),
        sa.Column('accept_multiple', sa.Boolean(), nullable=False),
        sa.Column('accepts_links', sa.Boolean(), nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('expires_at', TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ['access_id'], ['course_access.id'], name=op.f('fk_placing_request_access_id'), ondelete='CASCADE'
        ),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_placing_request')),
        sa.UniqueConstraint('nonce_hash', name=op.f('uq_placing_request_nonce_hash')),
    )
    op.create_index(op.f('ix_placing_request_access_id'), 'placing_request', ['access_id'])


def _columns() -> dict[str, tuple[sa.Column, ...]]:
    """Return the new columns of the tables that are there; what was registered by hand was trusted by hand."""
    return {
        'registration': (
            sa.Column('confirmed', sa.Boolean(), server_default=sa.true(), nullable=False),
            sa.Column('accepts_deployments', sa.Boolean(), server_default=sa.false(), nullable=False),
            sa.Column('manages_all', sa.Boolean(), server_default=sa.false(), nullable=False),
            sa.Column('other_hosts', sa.String(length=1024), nullable=True),
        ),
        'browser_session': (
            sa.Column('is_administrator', sa.Boolean(), server_default=sa.false(), nullable=False),
        ),
        'group': (sa.Column('has_submission', sa.Boolean(), server_default=sa.false(), nullable=False),),
        'group_set': (sa.Column('strangers', sa.Integer(), server_default='0', nullable=False),),
        'publication': (sa.Column('proof_due_at', TIME, nullable=True),),
        'course': (sa.Column('copied_from', sa.Text(), nullable=True),),
        'sync_run': (sa.Column('departures_accepted', sa.Integer(), server_default=sa.text('0'), nullable=False),),
        'mirrored_group': (sa.Column('description', sa.Text(), server_default='', nullable=False),),
        'undo_step': (sa.Column('kept_groups', sa.Text(), server_default='[]', nullable=False),),
        'join_request': (
            sa.Column('invite_id', sa.Uuid(), nullable=True),
            sa.Column('by_code', sa.Boolean(), server_default=sa.false(), nullable=False),
        ),
        'deployment': (sa.Column('refused_at', TIME, nullable=True),),
        'service_token': (sa.Column('set_by', sa.String(length=255), nullable=True),),
        'oauth_client': (sa.Column('set_by', sa.String(length=255), nullable=True),),
    }


def downgrade() -> None:
    """Take this step back."""
    _give_answers_back()
    for table in ('asked_right', 'placing_request', 'worker_sign', 'link_target', 'launch_refusal', 'registration_link'):
        op.drop_table(table)
    for table, columns in _columns().items():
        for column in columns:
            op.drop_column(table, column.name)
