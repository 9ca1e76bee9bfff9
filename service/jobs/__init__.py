"""What happens later: each job one function, safe to repeat. `schedule.py` is the table of those that recur."""
