"""What the shop sells: WebShop's files or generated products, prepared once and kept on disk."""
