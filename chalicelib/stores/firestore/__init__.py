"""Firestore in native mode: a collection, by its REST API."""
