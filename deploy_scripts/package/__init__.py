"""Packages of the Hot Readers for clouds that Chalice cannot deploy to."""
