"""A real browser as an environment of texts.

At the top: the environment, and the browser that it and MiniWoB++ drive.
"""
