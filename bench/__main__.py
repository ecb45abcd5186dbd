"""``python -m bench NAME``: one benchmark, its table on stdout and its figures in ``bench/results``."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from bench import case as case_folder
from bench import compile as compile_times
from bench import intel, memory, ndjson, page_rule, peer_eql, rules, scale, value_lists, windows, zeek
from bench.harness import CaseFailed, Ratio, Timing, render, save

NAMES = (
    "page_rule",
    "ndjson",
    "case",
    "scale",
    "compile",
    "peer_eql",
    "windows",
    "rules",
    "memory",
    "value_lists",
    "intel",
    "zeek",
)


def main() -> int:
    """0: every promise kept; 1: one was missed; 2: misuse; 3: a case failed."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("--events", type=int, default=1_000_000, help="events of the largest case (default 1,000,000)")
    parser.add_argument("--seed", type=int, default=1583)
    parser.add_argument("--rounds", type=int, default=3, help="runs of every case, alternating")
    parser.add_argument("--rules", type=Path, help="folder of rules, for compile and rules")
    parser.add_argument("--memory", default="4GB", help="memory limit, for scale")
    parser.add_argument("--limit", type=float, default=600.0, help="seconds that eql may take for all events")
    parser.add_argument("--folder", type=Path, help="where the temporary data is made")
    options = parser.parse_args()
    if options.name in ("compile", "rules") and options.rules is None:
        parser.error(f"{options.name} needs --rules FOLDER")
    if options.events < 20 or options.rounds < 1:
        parser.error("at least 20 events and one round")
    try:
        with tempfile.TemporaryDirectory(prefix="falselight-bench-", dir=options.folder) as folder:
            timings, ratios = _run(options, Path(folder))
    except CaseFailed as fault:
        print(fault, file=sys.stderr)
        return 3
    print(render(timings, ratios))
    given = {key: str(value) if isinstance(value, Path) else value for key, value in vars(options).items()}
    print(f"written: {save(options.name, given, timings, ratios)}", file=sys.stderr)
    return 0 if all(ratio.kept for ratio in ratios) else 1


def _run(options: argparse.Namespace, folder: Path) -> tuple[dict[str, Timing], list[Ratio]]:
    common = (options.events, options.seed, options.rounds, folder)
    match options.name:
        case "page_rule":
            return page_rule.run(*common)
        case "ndjson":
            return ndjson.run(*common)
        case "case":
            return case_folder.run(*common)
        case "scale":
            return scale.run(*common, memory=options.memory)
        case "compile":
            return compile_times.run(options.rules, options.rounds)
        case "rules":
            return rules.run(*common, options.rules)
        case "memory":
            return memory.run(*common)
        case "value_lists":
            return value_lists.run(*common)
        case "intel":
            return intel.run(*common)
        case "windows":
            return windows.run(*common)
        case "zeek":
            return zeek.run(*common)
        case _:
            return peer_eql.run(*common, limit=options.limit)


if __name__ == "__main__":
    sys.exit(main())
