"""A prompt's text: which names it reads, the sandbox it is filled in, and filling it in."""
