"""One ranked list of servers: rhythm, known-bad indicators and rules' findings as evidence on the same (host, server)."""
