"""The store: committed truth in SQL, on SQLite and PostgreSQL alike."""
