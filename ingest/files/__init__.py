"""Exports that analysts already have."""
