"""Cisco Firepower Threat Defense logs as normalised batches; ``mappings.cisco_ftd`` says what their fields become. Lines of ASA
among them are read as that device's."""

from falselight.readers.cisco_asa import read

__all__ = ["read"]
