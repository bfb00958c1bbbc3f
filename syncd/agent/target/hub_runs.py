"""The runs of a hub as a whole: deleted there, taken back, shared. What an agent uploads is not here."""

import json
from typing import Any

from tidelog.syncd.agent.target.hub_client import HubClient, document_of
from tidelog.syncd.protocol import restore_path, run_path, shares_path


class HubRuns:
    """What a person does with runs at a hub. Raises SetbackError where it refuses, or is away."""

    def __init__(self, client: HubClient) -> None:
        self.url = client.url
        self._client = client

    def __repr__(self) -> str:
        return f"<HubRuns at {self.url}>"

    async def delete(self, project: str, run: str) -> bool:
        """Delete a run there; tell whether there was one."""
        return await self._client.ask("DELETE", run_path(project, run)) is not None

    async def restore(self, project: str, run: str) -> bool | None:
        """Take a deletion back; tell whether the run is there again, None where none was deleted."""
        answer = await self._client.ask("POST", restore_path(project, run))
        return None if answer is None else document_of(answer).get("restored") is True

    async def share(self, project: str, run: str, life_s: float | None) -> dict[str, Any] | None:
        """Make a share link there and return what the hub says of it, None where there is no run."""
        wanted = {} if life_s is None else {"expires_in_s": life_s}
        body = json.dumps(wanted).encode()
        answer = await self._client.ask("POST", shares_path(project, run), body=body)
        return None if answer is None else document_of(answer)

    async def shares(self, project: str, run: str) -> list[dict[str, Any]] | None:
        """Return the share links of a run there, None where there is nothing to see."""
        answer = await self._client.ask("GET", shares_path(project, run))
        return None if answer is None else list(document_of(answer).get("shares", []))

    async def end_share(self, project: str, run: str, share: str) -> bool:
        """Revoke a share link there; tell whether there was one."""
        return await self._client.ask("POST", shares_path(project, run, share)) is not None
