"""What lookups of names say of servers and hosts: tunnels, generated names, failures, flux, and lookups that are missing."""
