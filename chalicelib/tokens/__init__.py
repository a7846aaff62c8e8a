"""The inter-cloud token: its source, and the comparison."""
