"""The kinds of output a node can have; `agentkit.output` picks one for a declaration.

jsontext   find JSON in a text
plain      text, number, integer, yes_no, code, json
choice     one of several options
shape      a declared schema as a tree of types
schema     an answer in JSON that follows a shape or a pydantic model
"""
