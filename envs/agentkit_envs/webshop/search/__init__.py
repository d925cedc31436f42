"""WebShop's search: what the original does with Lucene, in numpy."""

from agentkit_envs.webshop.search.index import SearchIndex
from agentkit_envs.webshop.search.storage import IndexUnusable

__all__ = ["IndexUnusable", "SearchIndex"]
