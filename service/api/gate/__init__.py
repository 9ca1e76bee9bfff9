"""What every request passes, and what one API process keeps: the edge, keys, limits, bodies, parameters, the books."""
