"""Writes telemetry into hot storage, for trying out."""
