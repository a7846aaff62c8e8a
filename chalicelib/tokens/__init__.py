"""Where the inter-cloud token comes from, and how it is compared."""
