"""Jinja in a sandbox: templates from strangers, filled with text from the web, stay harmless.

values       name a value's kind, weigh it, write it as text
lookup       `a.b` and `a["b"]`, and what is said when there is nothing
bounds       the context of one render: everything that can take long is paid for first
operations   operators and methods, with their prices
registry     how filters are collected, and how they read attributes
*_filters    the filters, with their prices
predicates   the tests (`x is odd`), with their prices
environment  all of it as one Jinja environment
syntax       which templates are refused, and what they read and bind
rewrite      how a template is changed so that all of it goes through the sandbox
"""
