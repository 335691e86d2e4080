"""Pairsift: image–text pair curation with calibrated decisions and a per-pair ledger."""
