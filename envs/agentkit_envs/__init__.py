"""Environments of AgentKit: every one is a Gymnasium environment whose actions are texts."""

ENTRY_POINTS = {
    "agentkit/Browser-v1": "agentkit_envs.browser.env:BrowserEnv",
    "agentkit/Crafter-v1": "agentkit_envs.crafter.env:CrafterEnv",
    "agentkit/MiniWoB-v1": "agentkit_envs.miniwob.env:MiniWoBEnv",
    "agentkit/WebShop-v1": "agentkit_envs.webshop.env:WebShopEnv",
}
"""Each id and where its class is found; nothing is imported until one is made."""


def register() -> None:
    """Make the ids known to Gymnasium. Calling it again changes nothing."""
    import gymnasium

    for name, entry_point in ENTRY_POINTS.items():
        if name not in gymnasium.registry:
            gymnasium.register(name, entry_point=entry_point)
