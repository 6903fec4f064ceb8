"""What a page shows, as typed values: the page and its JSON twin are made of the same."""
