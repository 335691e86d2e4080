"""The commands. Thin: each reads its options, calls the library, and prints tables or, with --json, one object."""

# In the order in which --help lists them:
# isort: off
from pairsift.cli import running, looking, reviewing, deciding, keeping, examining, training

# isort: on
from pairsift.cli.app import app, main

__all__ = ["app", "deciding", "examining", "keeping", "looking", "main", "reviewing", "running", "training"]
