"""the model: sections, git user names, imports, assignments."""

import sqlalchemy as sa
from alembic import op


revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None

ROSTER = ('department', 'institution', 'git_username')


def upgrade() -> None:
    """Apply this step.

    Columns are added to the tables as they are: copying a table, as a batch would, deletes what refers to its rows.
    """
    # Sessions last for hours and are opened anew by the next launch: the table is made again instead of changed.
    op.drop_table('browser_session')
    _create_sessions(sa.PrimaryKeyConstraint('token_hash', name=op.f('pk_browser_session')), sqlite_with_rowid=False)
    for name in ROSTER:
        op.add_column('roster_member', sa.Column(name, sa.String(length=255), nullable=True))
    op.add_column(
        'roster_member',
        sa.Column('git_username_status', sa.String(length=8), server_default='unknown', nullable=False),
    )
    op.add_column('course', sa.Column('roster_connection', sa.String(length=16), nullable=True))
    op.add_column('course', sa.Column('roster_filename', sa.String(length=255), nullable=True))
    op.add_column('course', sa.Column('roster_updated_at', sa.DateTime(timezone=True), nullable=True))
    op.add_column('group', sa.Column('name_generated', sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column('sync_run', sa.Column('about', sa.String(length=255), server_default=sa.text("''"), nullable=False))
    op.add_column('group_set', sa.Column('source_filename', sa.String(length=255), nullable=True))
    _index_own_names("connection IS NULL OR connection = 'import'", old='uq_group_set_local_name', new='uq_group_set_own_name')
    op.create_table('section',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('course_id', sa.Uuid(), nullable=False),
    sa.Column('lms_section_id', sa.String(length=255), nullable=False),
    sa.Column('name', sa.String(length=255), nullable=False),
    sa.ForeignKeyConstraint(['course_id'], ['course.id'], name=op.f('fk_section_course_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_section')),
    sa.UniqueConstraint('course_id', 'lms_section_id', name=op.f('uq_section_course_id_lms_section_id'))
    )
    op.create_table('section_membership',
    sa.Column('section_id', sa.Uuid(), nullable=False),
    sa.Column('member_id', sa.Uuid(), nullable=False),
    sa.ForeignKeyConstraint(['member_id'], ['roster_member.id'], name=op.f('fk_section_membership_member_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['section_id'], ['section.id'], name=op.f('fk_section_membership_section_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('section_id', 'member_id', name=op.f('pk_section_membership'))
    )
    op.create_index(op.f('ix_section_membership_member_id'), 'section_membership', ['member_id'])
    op.create_table('left_out_group_set',
    sa.Column('course_id', sa.Uuid(), nullable=False),
    sa.Column('lms_group_set_id', sa.String(length=255), nullable=False),
    sa.Column('name', sa.String(length=255), nullable=False),
    sa.ForeignKeyConstraint(['course_id'], ['course.id'], name=op.f('fk_left_out_group_set_course_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('course_id', 'lms_group_set_id', name=op.f('pk_left_out_group_set'))
    )
    op.create_table('assignment',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('course_id', sa.Uuid(), nullable=False),
    sa.Column('name', sa.String(length=255), nullable=False),
    sa.Column('description', sa.Text(), nullable=True),
    sa.Column('group_set_id', sa.Uuid(), nullable=False),
    sa.Column('pattern', sa.String(length=255), nullable=True),
    sa.Column('revision', sa.Integer(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['course_id'], ['course.id'], name=op.f('fk_assignment_course_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['group_set_id'], ['group_set.id'], name=op.f('fk_assignment_group_set_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_assignment')),
    sa.UniqueConstraint('course_id', 'name', name=op.f('uq_assignment_course_id_name'))
    )
    op.create_index(op.f('ix_assignment_group_set_id'), 'assignment', ['group_set_id'])
    op.create_table('assignment_exclusion',
    sa.Column('assignment_id', sa.Uuid(), nullable=False),
    sa.Column('group_id', sa.Uuid(), nullable=False),
    sa.ForeignKeyConstraint(['assignment_id'], ['assignment.id'], name=op.f('fk_assignment_exclusion_assignment_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('assignment_id', 'group_id', name=op.f('pk_assignment_exclusion'))
    )
    op.create_table('import_draft',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('course_id', sa.Uuid(), nullable=False),
    sa.Column('access_id', sa.Uuid(), nullable=False),
    sa.Column('kind', sa.String(length=16), nullable=False),
    sa.Column('group_set_id', sa.Uuid(), nullable=True),
    sa.Column('filename', sa.String(length=255), nullable=False),
    sa.Column('content', sa.Text(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['access_id'], ['course_access.id'], name=op.f('fk_import_draft_access_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['course_id'], ['course.id'], name=op.f('fk_import_draft_course_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['group_set_id'], ['group_set.id'], name=op.f('fk_import_draft_group_set_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_import_draft'))
    )
    for name in ('access_id', 'course_id', 'group_set_id'):
        op.create_index(op.f(f'ix_import_draft_{name}'), 'import_draft', [name])


def downgrade() -> None:
    """Take this step back."""
    for table in ('import_draft', 'assignment_exclusion', 'assignment', 'left_out_group_set', 'section_membership', 'section'):
        op.drop_table(table)
    _index_own_names('connection IS NULL', old='uq_group_set_own_name', new='uq_group_set_local_name')
    op.drop_column('group_set', 'source_filename')
    op.drop_column('sync_run', 'about')
    op.drop_column('group', 'name_generated')
    op.drop_column('course', 'roster_updated_at')
    op.drop_column('course', 'roster_filename')
    op.drop_column('course', 'roster_connection')
    for name in ('git_username_status', *ROSTER):
        op.drop_column('roster_member', name)
    op.drop_table('browser_session')
    _create_sessions(
        sa.Column('id', sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_browser_session')),
        sa.UniqueConstraint('token_hash', name=op.f('uq_browser_session_token_hash')),
    )
    op.create_index(op.f('ix_browser_session_expires_at'), 'browser_session', ['expires_at'])


def _create_sessions(*keys: sa.schema.SchemaItem, **options: object) -> None:
    op.create_table('browser_session',
    sa.Column('token_hash', sa.String(length=64), nullable=False),
    sa.Column('registration_id', sa.Uuid(), nullable=False),
    sa.Column('lti_user_id', sa.String(length=255), nullable=False),
    sa.Column('nonce_hash', sa.String(length=64), nullable=False),
    sa.Column('frame_origins', sa.String(length=1024), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['registration_id'], ['registration.id'], name=op.f('fk_browser_session_registration_id'), ondelete='CASCADE'),
    sa.UniqueConstraint('nonce_hash', name=op.f('uq_browser_session_nonce_hash')),
    *keys,
    **options,
    )


def _index_own_names(where: str, *, old: str, new: str) -> None:
    op.drop_index(old, table_name='group_set')
    op.create_index(
        new, 'group_set', ['course_id', 'name'], unique=True, sqlite_where=sa.text(where), postgresql_where=sa.text(where)
    )
