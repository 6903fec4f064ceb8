"""News, blogs and fora by RSS, Atom and JSON Feed."""
