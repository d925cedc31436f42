"""Any Gymnasium environment in words: observations are described, actions are read from texts."""

from agentkit_envs.words.env import Words

__all__ = ["Words"]
