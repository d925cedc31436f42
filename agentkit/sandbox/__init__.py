"""Jinja in a sandbox: templates from strangers, filled with text from the web, stay harmless.

values       name a value's kind, weigh it, write it as text
lookup       `a.b` and `a["b"]`, and what is said when there is nothing
bounds       the context of one render: everything that can take long is paid for first
operations   operators and methods, with their prices
filters      the filters and tests, with their prices
environment  all of it as one Jinja environment
syntax       which templates are refused, what they read, how they are rewritten
"""
