"""False positives tuned away with proof: causes of findings, exceptions as narrow as they can be, and what each would hide."""
