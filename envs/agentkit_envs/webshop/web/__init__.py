"""The shop as web pages, for people and for agents with a browser."""
