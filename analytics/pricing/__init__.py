"""What tokens cost: price cards from three sources, applied to frames in exact integers.

book.py      `Book`: which card holds for a model at a time; operator's rates > a LiteLLM file > the price table
table.py     the price table: `genai-prices`, offline, by date and tier
litellm.py   a file in LiteLLM's form
costs.py     cards applied to usage: nano-dollars a row, with source and version
"""

from analytics.pricing.book import Book, Rate
from analytics.pricing.cards import Card, Prices
from analytics.pricing.costs import costs

__all__ = ["Book", "Card", "Prices", "Rate", "costs"]
