"""Mastodon, and what else speaks its API: timelines of servers that gave permission."""
