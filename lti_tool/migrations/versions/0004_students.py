"""students: groupings, invitations, roles, codes and links, a group's own space, notices."""

import secrets
import string

import sqlalchemy as sa
from alembic import op


revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None

LETTERS = string.ascii_uppercase + string.digits
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Apply this step: fields, then codes for the groups that are there, then their constraint, then new tables."""
    for table, columns in _columns().items():
        for column in columns:
            op.add_column(table, column)
    _add_codes()
    for name in ('group_id', 'member_id'):
        op.create_index(f'ix_history_entry_{name}', 'history_entry', [name])
    _create_groupings()
    _create_invites()
    _create_space()
    _create_notices()


def _columns() -> dict[str, tuple[sa.Column, ...]]:
    """Return the new columns of the tables that are there.

    They are added to the tables as they are: copying a table, as a batch would, deletes what refers to its rows.
    """
    return {
        'assignment': (
            sa.Column('formed_by', sa.String(length=8), server_default='staff', nullable=False),
            sa.Column('min_size', sa.Integer(), server_default=sa.text('1'), nullable=False),
            sa.Column('max_size', sa.Integer(), nullable=True),
            sa.Column('last_invitation_at', TIME, nullable=True),
            sa.Column('last_answer_at', TIME, nullable=True),
            sa.Column('same_section', sa.Boolean(), server_default=sa.false(), nullable=False),
            sa.Column('names_chosen', sa.Boolean(), server_default=sa.false(), nullable=False),
        ),
        'group_set': (
            sa.Column('signup', sa.String(length=8), server_default='closed', nullable=False),
            sa.Column('signup_until', TIME, nullable=True),
            sa.Column('group_limit', sa.Integer(), nullable=True),
            sa.Column('same_section', sa.Boolean(), server_default=sa.false(), nullable=False),
        ),
        'group': (
            sa.Column('is_invite_active', sa.Boolean(), server_default=sa.true(), nullable=False),
            sa.Column('max_members', sa.Integer(), nullable=True),
            sa.Column('privacy', sa.String(length=8), server_default='listed', nullable=False),
            sa.Column('needs_approval', sa.Boolean(), server_default=sa.false(), nullable=False),
        ),
        'group_membership': (sa.Column('role', sa.String(length=8), server_default='member', nullable=False),),
        'history_entry': (
            sa.Column('group_id', sa.Uuid(), nullable=True),
            sa.Column('member_id', sa.Uuid(), nullable=True),
        ),
        'roster_member': (sa.Column('wants_mail', sa.Boolean(), server_default=sa.true(), nullable=False),),
    }


def _add_codes() -> None:
    groups = sa.table('group', sa.column('id', sa.Uuid()), sa.column('invite_code', sa.String()))
    op.add_column('group', sa.Column('invite_code', sa.String(length=12), nullable=True))
    connection = op.get_bind()
    codes: set[str] = set()
    for (group_id,) in connection.execute(sa.select(groups.c.id)).all():
        while (code := ''.join(secrets.choice(LETTERS) for _ in range(12))) in codes:
            pass
        codes.add(code)
        connection.execute(sa.update(groups).where(groups.c.id == group_id).values(invite_code=code))
    op.create_index('uq_group_invite_code', 'group', ['invite_code'], unique=True)


def _create_groupings() -> None:
    op.create_table('grouping',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('assignment_id', sa.Uuid(), nullable=False),
    sa.Column('group_id', sa.Uuid(), nullable=True),
    sa.Column('group_name', sa.String(length=255), nullable=False),
    sa.Column('alone', sa.Boolean(), server_default=sa.false(), nullable=False),
    sa.Column('approved', sa.Boolean(), server_default=sa.false(), nullable=False),
    sa.Column('revision', sa.Integer(), nullable=False),
    sa.Column('created_at', TIME, nullable=False),
    sa.Column('ended_at', TIME, nullable=True),
    sa.ForeignKeyConstraint(['assignment_id'], ['assignment.id'], name=op.f('fk_grouping_assignment_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['group_id'], ['group.id'], name=op.f('fk_grouping_group_id'), ondelete='SET NULL'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_grouping'))
    )
    op.create_index(op.f('ix_grouping_assignment_id'), 'grouping', ['assignment_id'])
    op.create_index(op.f('ix_grouping_group_id'), 'grouping', ['group_id'])
    _only_one('uq_grouping_live', 'grouping', ['assignment_id', 'group_id'], 'ended_at IS NULL')
    op.create_table('grouping_membership',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('grouping_id', sa.Uuid(), nullable=False),
    sa.Column('assignment_id', sa.Uuid(), nullable=False),
    sa.Column('member_id', sa.Uuid(), nullable=False),
    sa.Column('status', sa.String(length=8), nullable=False),
    sa.Column('invited_by', sa.Uuid(), nullable=True),
    sa.Column('created_at', TIME, nullable=False),
    sa.Column('changed_at', TIME, nullable=False),
    sa.Column('ended_at', TIME, nullable=True),
    sa.ForeignKeyConstraint(['grouping_id'], ['grouping.id'], name=op.f('fk_grouping_membership_grouping_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['assignment_id'], ['assignment.id'], name=op.f('fk_grouping_membership_assignment_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['member_id'], ['roster_member.id'], name=op.f('fk_grouping_membership_member_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['invited_by'], ['roster_member.id'], name=op.f('fk_grouping_membership_invited_by'), ondelete='SET NULL'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_grouping_membership')),
    sa.UniqueConstraint('grouping_id', 'member_id', name=op.f('uq_grouping_membership_grouping_id_member_id'))
    )
    op.create_index(op.f('ix_grouping_membership_member_id'), 'grouping_membership', ['member_id'])
    _only_one(
        'uq_grouping_membership_committed', 'grouping_membership', ['assignment_id', 'member_id'],
        "ended_at IS NULL AND status IN ('inviter', 'accepted')",
    )


def _only_one(name: str, table: str, columns: list[str], where: str) -> None:
    op.create_index(name, table, columns, unique=True, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def _create_invites() -> None:
    op.create_table('group_invite',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('group_id', sa.Uuid(), nullable=False),
    sa.Column('created_by', sa.Uuid(), nullable=False),
    sa.Column('invite_token', sa.Uuid(), nullable=False),
    sa.Column('created_at', TIME, nullable=False),
    sa.Column('expires_at', TIME, nullable=True),
    sa.Column('max_uses', sa.Integer(), nullable=True),
    sa.Column('uses_count', sa.Integer(), server_default=sa.text('0'), nullable=False),
    sa.Column('is_active', sa.Boolean(), server_default=sa.true(), nullable=False),
    sa.CheckConstraint('max_uses IS NULL OR uses_count <= max_uses', name=op.f('ck_group_invite_uses')),
    sa.ForeignKeyConstraint(['group_id'], ['group.id'], name=op.f('fk_group_invite_group_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['created_by'], ['course_access.id'], name=op.f('fk_group_invite_created_by'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_group_invite')),
    sa.UniqueConstraint('invite_token', name=op.f('uq_group_invite_invite_token'))
    )
    op.create_index(op.f('ix_group_invite_group_id'), 'group_invite', ['group_id'])
    op.create_table('invite_use',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('group_id', sa.Uuid(), nullable=False),
    sa.Column('invite_id', sa.Uuid(), nullable=True),
    sa.Column('member_id', sa.Uuid(), nullable=False),
    sa.Column('used_at', TIME, nullable=False),
    sa.ForeignKeyConstraint(['group_id'], ['group.id'], name=op.f('fk_invite_use_group_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['invite_id'], ['group_invite.id'], name=op.f('fk_invite_use_invite_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['member_id'], ['roster_member.id'], name=op.f('fk_invite_use_member_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_invite_use'))
    )
    op.create_index(op.f('ix_invite_use_group_id'), 'invite_use', ['group_id'])
    op.create_index(op.f('ix_invite_use_invite_id'), 'invite_use', ['invite_id'])
    op.create_table('join_request',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('group_id', sa.Uuid(), nullable=False),
    sa.Column('member_id', sa.Uuid(), nullable=False),
    sa.Column('state', sa.String(length=9), nullable=False),
    sa.Column('answered_by', sa.Uuid(), nullable=True),
    sa.Column('created_at', TIME, nullable=False),
    sa.Column('answered_at', TIME, nullable=True),
    sa.ForeignKeyConstraint(['group_id'], ['group.id'], name=op.f('fk_join_request_group_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['member_id'], ['roster_member.id'], name=op.f('fk_join_request_member_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['answered_by'], ['course_access.id'], name=op.f('fk_join_request_answered_by'), ondelete='SET NULL'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_join_request'))
    )
    _only_one('uq_join_request_waiting', 'join_request', ['group_id', 'member_id'], "state = 'waiting'")


def _create_space() -> None:
    op.create_table('group_message',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('group_id', sa.Uuid(), nullable=False),
    sa.Column('author_id', sa.Uuid(), nullable=True),
    sa.Column('author_name', sa.String(length=255), nullable=False),
    sa.Column('body', sa.Text(), nullable=False),
    sa.Column('created_at', TIME, nullable=False),
    sa.ForeignKeyConstraint(['group_id'], ['group.id'], name=op.f('fk_group_message_group_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['author_id'], ['course_access.id'], name=op.f('fk_group_message_author_id'), ondelete='SET NULL'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_group_message'))
    )
    op.create_index('ix_group_message_group_id_created_at', 'group_message', ['group_id', 'created_at'])
    op.create_table('group_document',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('group_id', sa.Uuid(), nullable=True),
    sa.Column('name', sa.String(length=255), nullable=False),
    sa.Column('media_type', sa.String(length=127), nullable=False),
    sa.Column('size', sa.Integer(), nullable=False),
    sa.Column('storage_key', sa.String(length=64), nullable=False),
    sa.Column('author_id', sa.Uuid(), nullable=True),
    sa.Column('author_name', sa.String(length=255), nullable=False),
    sa.Column('created_at', TIME, nullable=False),
    sa.ForeignKeyConstraint(['group_id'], ['group.id'], name=op.f('fk_group_document_group_id'), ondelete='SET NULL'),
    sa.ForeignKeyConstraint(['author_id'], ['course_access.id'], name=op.f('fk_group_document_author_id'), ondelete='SET NULL'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_group_document')),
    sa.UniqueConstraint('storage_key', name=op.f('uq_group_document_storage_key'))
    )
    op.create_index(op.f('ix_group_document_group_id'), 'group_document', ['group_id'])


def _create_notices() -> None:
    op.create_table('notice',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('course_id', sa.Uuid(), nullable=False),
    sa.Column('member_id', sa.Uuid(), nullable=False),
    sa.Column('kind', sa.String(length=32), nullable=False),
    sa.Column('facts', sa.Text(), nullable=False),
    sa.Column('group_id', sa.Uuid(), nullable=True),
    sa.Column('assignment_id', sa.Uuid(), nullable=True),
    sa.Column('created_at', TIME, nullable=False),
    sa.Column('read_at', TIME, nullable=True),
    sa.Column('mail_state', sa.String(length=8), nullable=False),
    sa.Column('mail_tries', sa.Integer(), server_default=sa.text('0'), nullable=False),
    sa.Column('mail_tried_at', TIME, nullable=True),
    sa.ForeignKeyConstraint(['course_id'], ['course.id'], name=op.f('fk_notice_course_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['member_id'], ['roster_member.id'], name=op.f('fk_notice_member_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['group_id'], ['group.id'], name=op.f('fk_notice_group_id'), ondelete='SET NULL'),
    sa.ForeignKeyConstraint(['assignment_id'], ['assignment.id'], name=op.f('fk_notice_assignment_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_notice'))
    )
    op.create_index('ix_notice_member_id_created_at', 'notice', ['member_id', 'created_at'])
    op.create_index('ix_notice_mail_state', 'notice', ['mail_state'])


def downgrade() -> None:
    """Take this step back."""
    for table in (
        'notice', 'group_document', 'group_message', 'join_request', 'invite_use', 'group_invite',
        'grouping_membership', 'grouping',
    ):
        op.drop_table(table)
    for name in ('group_id', 'member_id'):
        op.drop_index(f'ix_history_entry_{name}', 'history_entry')
    op.drop_index('uq_group_invite_code', 'group')
    op.drop_column('group', 'invite_code')
    for table, columns in reversed(_columns().items()):
        for column in reversed(columns):
            op.drop_column(table, column.name)
