"""Servers beyond one connection: what scans, certificates and passive DNS know of them, what they share with others, where they
are hosted, and two kinds of server that give themselves away without rhythm: staging and upload. Nothing is ever probed."""
