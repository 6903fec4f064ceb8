"""What becomes of the versions of rules, from a file to what counts, and its end."""
