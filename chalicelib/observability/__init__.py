"""Logs, metrics and traces: one implementation per platform."""
