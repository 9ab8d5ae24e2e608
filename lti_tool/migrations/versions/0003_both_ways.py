"""both ways: the ledger of changes, what can be taken back, rights lent by people, and what others changed."""

import sqlalchemy as sa
from alembic import op


revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None

COURSE = (
    ('groups_url', sa.Text()),
    ('group_sets_url', sa.Text()),
    ('write_problem', sa.String(length=64)),
    ('rights_asked_at', sa.DateTime(timezone=True)),
)


def upgrade() -> None:
    """Apply this step; columns are added to the tables as they are, so that nothing that refers to them is lost."""
    for name, kind in COURSE:
        op.add_column('course', sa.Column(name, kind, nullable=True))
    op.add_column('publication', sa.Column('drift', sa.Integer(), server_default=sa.text('0'), nullable=False))
    op.add_column('publication', sa.Column('drift_seen_at', sa.DateTime(timezone=True), nullable=True))
    op.add_column('sync_run', sa.Column('acted_as', sa.String(length=255), nullable=True))
    # When a group was last seen is told by its course and its sets: no pull writes a row for it any more.
    op.drop_column('group', 'last_synced_at')
    _create_ledger()
    _create_undo()
    _create_grants()


def _create_ledger() -> None:
    op.create_table('lms_change',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('course_id', sa.Uuid(), nullable=False),
    sa.Column('group_set_id', sa.Uuid(), nullable=True),
    sa.Column('kind', sa.String(length=24), nullable=False),
    sa.Column('about', sa.Text(), nullable=False),
    sa.Column('intent', sa.Text(), nullable=False),
    sa.Column('state', sa.String(length=16), nullable=False),
    sa.Column('error_code', sa.String(length=64), nullable=True),
    sa.Column('error_facts', sa.Text(), nullable=False),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('retry_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('requested_by', sa.Uuid(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('finished_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['course_id'], ['course.id'], name=op.f('fk_lms_change_course_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['group_set_id'], ['group_set.id'], name=op.f('fk_lms_change_group_set_id'), ondelete='SET NULL'),
    sa.ForeignKeyConstraint(['requested_by'], ['course_access.id'], name=op.f('fk_lms_change_requested_by'), ondelete='SET NULL'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_lms_change'))
    )
    op.create_index('ix_lms_change_course_id_state', 'lms_change', ['course_id', 'state'])
    op.create_index('ix_lms_change_state_retry_at', 'lms_change', ['state', 'retry_at'])
    op.create_index(op.f('ix_lms_change_group_set_id'), 'lms_change', ['group_set_id'])


def _create_undo() -> None:
    op.create_table('undo_step',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('group_set_id', sa.Uuid(), nullable=False),
    sa.Column('what', sa.String(length=24), nullable=False),
    sa.Column('count', sa.Integer(), nullable=False),
    sa.Column('before', sa.Text(), nullable=False),
    sa.Column('after', sa.Text(), nullable=False),
    sa.Column('left_out', sa.Text(), nullable=False),
    sa.Column('revision', sa.Integer(), nullable=False),
    sa.Column('made_by', sa.Uuid(), nullable=True),
    sa.Column('made_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['group_set_id'], ['group_set.id'], name=op.f('fk_undo_step_group_set_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['made_by'], ['course_access.id'], name=op.f('fk_undo_step_made_by'), ondelete='SET NULL'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_undo_step')),
    sa.UniqueConstraint('group_set_id', name=op.f('uq_undo_step_group_set_id'))
    )


def _create_grants() -> None:
    op.create_table('oauth_client',
    sa.Column('registration_id', sa.Uuid(), nullable=False),
    sa.Column('client_id', sa.String(length=255), nullable=False),
    sa.Column('secret_ciphertext', sa.LargeBinary(), nullable=False),
    sa.Column('set_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['registration_id'], ['registration.id'], name=op.f('fk_oauth_client_registration_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('registration_id', name=op.f('pk_oauth_client'))
    )
    op.create_table('oauth_state',
    sa.Column('state_hash', sa.String(length=64), nullable=False),
    sa.Column('session_hash', sa.String(length=64), nullable=False),
    sa.Column('access_id', sa.Uuid(), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['access_id'], ['course_access.id'], name=op.f('fk_oauth_state_access_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('state_hash', name=op.f('pk_oauth_state'))
    )
    op.create_table('lms_grant',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('registration_id', sa.Uuid(), nullable=False),
    sa.Column('lti_user_id', sa.String(length=255), nullable=False),
    sa.Column('lms_user_id', sa.String(length=255), nullable=True),
    sa.Column('name', sa.String(length=255), nullable=False),
    sa.Column('access_ciphertext', sa.LargeBinary(), nullable=False),
    sa.Column('refresh_ciphertext', sa.LargeBinary(), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('refreshing_until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('error_code', sa.String(length=64), nullable=True),
    sa.Column('granted_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['registration_id'], ['registration.id'], name=op.f('fk_lms_grant_registration_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_lms_grant')),
    sa.UniqueConstraint('registration_id', 'lti_user_id', name=op.f('uq_lms_grant_registration_id_lti_user_id'))
    )


def downgrade() -> None:
    """Take this step back."""
    for table in ('lms_grant', 'oauth_state', 'oauth_client', 'undo_step', 'lms_change'):
        op.drop_table(table)
    op.add_column('group', sa.Column('last_synced_at', sa.DateTime(timezone=True), nullable=True))
    op.execute(
        'UPDATE "group" SET last_synced_at = (SELECT groups_synced_at FROM course WHERE course.id = "group".course_id) '
        'WHERE lms_group_id IS NOT NULL'
    )
    op.drop_column('sync_run', 'acted_as')
    op.drop_column('publication', 'drift_seen_at')
    op.drop_column('publication', 'drift')
    for name, _ in reversed(COURSE):
        op.drop_column('course', name)
