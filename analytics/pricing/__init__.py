"""What tokens cost: price cards from three sources, applied to frames in exact integers.

    rates.py     `Rate`: what an operator says that a unit costs
    book.py      `Book`: which card holds for a model at a time; rates > a LiteLLM file > the price table
    cards.py     `Card`: what a token of each kind costs, in steps by how long the request was
    table.py     the price table: `genai-prices`, offline, by date and tier
    litellm.py   a file in LiteLLM's form
    costs.py     cards applied to usage: nano-dollars a row, with source and version

Nothing is imported here: the table takes a third of a second, and only who prices needs it.
"""
