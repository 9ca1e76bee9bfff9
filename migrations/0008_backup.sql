-- How long a workspace keeps its sessions, where somebody has said so.

-- Days since a session's last activity; NULL: for good.
alter table workspaces add column retention_days integer check (retention_days between 1 and 36500);
