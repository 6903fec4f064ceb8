"""What `peil doctor` looks at: each look says what is right or wrong with one part."""
