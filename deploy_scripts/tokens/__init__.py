"""The inter-cloud token of a stage: where it is stored, and how it is rotated."""
