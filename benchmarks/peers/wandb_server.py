"""What `wandb sync` needs of a server, and no more: it takes everything and keeps nothing but counts.

    python benchmarks/peers/wandb_server.py PORT FOLDER      until SIGTERM; FOLDER gets the files

`GET /arrived` tells the counts. Nothing is synced to the disk: whatever wandb pays here is its own.
"""

import json
import os
import sys

from aiohttp import web

BODY_BYTES_MAX = 1 << 30
RUN = {"id": "run", "description": None, "config": None, "sweepName": None, "historyLineCount": 0}


class Server:
    """Answers the GraphQL mutations of a run, its stream of rows, and the uploads of its files."""

    def __init__(self, folder):
        self.folder = folder
        self.arrived = {"runs": 0, "rows": 0, "files": 0, "file_bytes": 0}

    def app(self):
        app = web.Application(client_max_size=BODY_BYTES_MAX)
        app.router.add_get("/healthz", self.health)
        app.router.add_get("/arrived", self.tell)
        app.router.add_post("/graphql", self.graphql)
        app.router.add_post("/files/{entity}/{project}/{run}/file_stream", self.stream)
        app.router.add_put("/put/{run}/{path:.+}", self.put)
        return app

    async def health(self, _request):
        return web.Response()

    async def tell(self, _request):
        return web.json_response(self.arrived)

    async def graphql(self, request):
        asked = await request.json()
        variables = asked["variables"]
        match asked.get("operationName"):
            case "UpsertBucket":
                data = {"upsertBucket": self.bucket(variables)}
            case "CreateRunFiles":
                data = {"createRunFiles": self.places(request, variables)}
            case _:
                data = {}
        return web.json_response({"data": data})

    def bucket(self, variables):
        is_new = variables["host"] is not None
        self.arrived["runs"] += is_new
        entity = {"id": "entity", "name": "bench"}
        project = {"id": "project", "name": variables["project"], "entity": entity}
        name = variables["name"]
        bucket = {**RUN, "name": name, "displayName": name, "project": project}
        return {"bucket": bucket, "inserted": is_new}

    def places(self, request, variables):
        run, url = variables["run"], f"http://{request.host}/put"
        files = [{"name": name, "uploadUrl": f"{url}/{run}/{name}"} for name in variables["files"]]
        return {"runID": run, "uploadHeaders": [], "files": files}

    async def stream(self, request):
        files = json.loads(await request.read()).get("files") or {}
        self.arrived["rows"] += len(files.get("wandb-history.jsonl", {}).get("content", ()))
        return web.json_response({})

    async def put(self, request):
        path = os.path.join(self.folder, request.match_info["run"], request.match_info["path"])
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:  # noqa: ASYNC230 - no other call waits for it
            async for block in request.content.iter_any():
                file.write(block)
                self.arrived["file_bytes"] += len(block)
        self.arrived["files"] += 1
        return web.Response()


if __name__ == "__main__":
    port, folder = sys.argv[1:]
    web.run_app(Server(folder).app(), host="127.0.0.1", port=int(port), print=None, access_log=None)
