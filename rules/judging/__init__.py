"""How good a rule is, by texts that people judged."""
