"""A shop of our own, made from words and rules, for those who have none of WebShop's data.

`generate` writes believable products that nobody sells. What is drawn from is in `data/*.yaml`;
the modules here only put it together. Scores on these products are not WebShop's scores.
"""

from agentkit_envs.webshop.catalogue.generated.generator import generate

__all__ = ["generate"]
