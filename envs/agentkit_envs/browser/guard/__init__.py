"""What keeps pages in bounds: the allow-list, the proxy that enforces it, local files, quotes."""
