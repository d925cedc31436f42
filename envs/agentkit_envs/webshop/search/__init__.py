"""WebShop's search: what the original does with Lucene, in numpy."""

from agentkit_envs.webshop.search.array_files import IndexUnusable
from agentkit_envs.webshop.search.index import SearchIndex

__all__ = ["IndexUnusable", "SearchIndex"]
