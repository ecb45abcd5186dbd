"""The process of one case: calls its function and prints what came of it, with this process's peak memory."""

from __future__ import annotations

import importlib
import json
import os
import resource
import subprocess
import sys
import time
from typing import Any


def whole(command: list[str]) -> dict[str, Any]:
    """A case that times a program from its start to its end, and what it took of the processors."""
    # An installed program has its modules compiled.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
    elapsed, used = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    return {"seconds": elapsed, "processor s": round(used.ru_utime + used.ru_stime, 2)}


def main() -> None:
    request = json.loads(sys.argv[1])
    module = importlib.import_module(f"bench.{request['module']}")
    figures = getattr(module, request["function"])(**request["arguments"])
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    figures["peak"] = peak / (1024 * 1024 if sys.platform == "darwin" else 1024)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
