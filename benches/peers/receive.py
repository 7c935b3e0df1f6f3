"""The same check of a header on the same payload as the measured contract, with FastAPI."""

import hmac
import os
import uuid

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

SECRET = os.environ["BENCH_SECRET"].encode()

app = FastAPI(openapi_url=None)


@app.post("/bench")
async def receive(request: Request) -> JSONResponse:
    headers = {"x-request-id": str(uuid.uuid4())}
    presented = request.headers.get("x-bench-secret", "").encode("latin-1")
    if not hmac.compare_digest(presented, SECRET):
        return JSONResponse({"title": "Unauthorized"}, status_code=401, headers=headers)
    await request.body()
    return JSONResponse({"status": "ok", "accepted": True}, headers=headers)
