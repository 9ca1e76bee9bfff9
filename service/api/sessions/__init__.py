"""Reading, labelling, sharing and deleting sessions and their messages, and figures over all of them."""
