"""YAML to Agent and back: a file is read, and every problem in it shown with its line."""
