-- name: try
-- The two-number form, whose keys are apart from the migrations' single one.
select pg_try_advisory_lock(hashtext('backscroll'), hashtext(%(name)s));

