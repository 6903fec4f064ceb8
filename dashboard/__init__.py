"""The web pages and the HTTP API: what a reader sees, through suppression and the access log."""
