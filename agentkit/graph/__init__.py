"""Nodes and the graph they form: dependencies, validation, order, drawing."""
