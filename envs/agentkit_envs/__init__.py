"""Environments of AgentKit: every one is a Gymnasium environment whose actions are texts.

Importing this package registers their ids with Gymnasium, as strings, so that
`gymnasium.make("agentkit_envs:agentkit/Crafter-v1")` works.
"""

import gymnasium

ENTRY_POINTS = {
    "agentkit/Browser-v1": "agentkit_envs.browser.env:BrowserEnv",
    "agentkit/Crafter-v1": "agentkit_envs.crafter.env:CrafterEnv",
    "agentkit/MiniWoB-v1": "agentkit_envs.miniwob.env:MiniWoBEnv",
    "agentkit/WebShop-v1": "agentkit_envs.webshop.env:WebShopEnv",
    "agentkit/Words-v1": "agentkit_envs.words.env:Words",
}
"""Each id and where its class is found; nothing is imported until one is made."""


def register() -> None:
    """Register the ids with Gymnasium. Calling it again changes nothing."""
    for name, entry_point in ENTRY_POINTS.items():
        if name not in gymnasium.registry:
            gymnasium.register(name, entry_point=entry_point)


register()
