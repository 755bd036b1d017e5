"""Runs: agents trained and evaluated on tasks, and what comes of it."""
