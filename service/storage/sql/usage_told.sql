-- name: rates
select service, metric, model, valid_from, usd_per_unit
from usage_rates where workspace_id = %(workspace_id)s
order by service, metric, model, valid_from;
