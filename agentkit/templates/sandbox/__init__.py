"""Jinja in a sandbox: templates from strangers, filled with text from the web, stay harmless."""
