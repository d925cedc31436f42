"""Environments: made, run on a thread of their own, fast-forwarded, shown and filmed."""
