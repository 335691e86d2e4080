"""What people read of a run: drawings and texts, made from values; no file, server or clock is touched."""
