"""How requests to Cosmos DB are sent: by azure-core's transport, which asks the environment once."""

from __future__ import annotations

from typing import Any

from azure.core.pipeline.transport import RequestsTransport
from requests import Session


class EnvironmentOnceTransport(RequestsTransport):  # type: ignore[misc] # azure-core loads it lazily
    """A transport that looks up the environment's proxies and certificates once for each host.

    requests looks them up for each request (Requests documentation, 'Proxies'), which takes a tenth of a
    small page's time. It also looks for a `.netrc` each time, whose password would take the place of
    the SDK's own authorization; this one doesn't.
    """

    def __init__(self) -> None:
        super().__init__(use_env_settings=False)
        self._settings: dict[tuple[str, Any], dict[str, Any]] = {}

    def send(self, request: Any, *, proxies: Any = None, **options: Any) -> Any:
        """Send a request; see azure-core's `HttpTransport.send`."""
        verify = options.get("connection_verify", True)
        host = "/".join(request.url.split("/", 3)[:3])
        settings = self._settings.get((host, verify))
        if settings is None:
            with Session() as session:
                found = session.merge_environment_settings(host, proxies or {}, None, verify, None)
            settings = {"proxies": found["proxies"], "connection_verify": found["verify"]}
            self._settings[host, verify] = settings
        return super().send(request, **(options | settings))
