"""Environments that come with AgentKit, registered with Gymnasium as strings."""
