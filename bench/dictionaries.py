"""What enrichment knows of Dutch words, read by whoever imports this: it stays in the process."""

from enrich.words import Dictionaries

Dictionaries()("nl")["huis"]
