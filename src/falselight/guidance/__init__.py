"""The investigation guide and the response playbook, filled with the facts of one finding."""
