-- name: of_workspace
select redact_writes, anonymize_writes from workspaces where id = %(workspace_id)s;

-- name: keep
update workspaces set
    redact_writes = coalesce(%(redact)s, redact_writes), anonymize_writes = coalesce(%(anonymize)s, anonymize_writes)
where id = %(workspace_id)s;
