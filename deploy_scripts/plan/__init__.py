"""The plan: what a provider layout deploys, and its views."""
