"""The product on the local cloud: the whole stack, sample telemetry, and the demo."""
