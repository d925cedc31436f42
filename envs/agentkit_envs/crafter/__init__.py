"""Crafter as text."""
