"""What can be said of rules, lists and searches without posts."""
