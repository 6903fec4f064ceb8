"""The one way to the web."""
