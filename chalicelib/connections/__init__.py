"""Connections to other servers, whichever library makes them."""
