"""The runs that git knows, what became slower, and the way back to one of them."""
