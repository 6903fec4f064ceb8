"""Many rules against many posts, fast."""
