"""The addresses: each page, and its JSON twin under /api/v1."""
