"""One step: when nodes run, the calls of prompts and functions, where completions come from."""
