"""Bluesky: the stream of the network, and accounts of organisations."""
