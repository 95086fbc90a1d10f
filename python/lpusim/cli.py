"""The command `lpusim`: the same names and flags as in Python, one screen for people or JSON for programs.

Exit status: 0 yes; 1 the answer is no (it does not fit, a claim is impossible or contradictory, no fleet
meets the limits); 2 bad input; 130 interrupted.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import msgspec

from lpusim import __version__
from lpusim._document import document
from lpusim._format import number, serve_screen, table, to_json, write_atomic
from lpusim._progress import progress
from lpusim.errors import CapacityError, ScheduleError

__all__ = ["main"]

YES, NO, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130


class Answer(NamedTuple):
    """What a command found: for programs, for people, and as an exit status."""

    result: Any
    screen: str
    status: int = YES
    specs: tuple[Any, ...] = ()
    seed: int | None = None


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status. Errors are one message on stderr."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        return _run(arguments)
    except KeyboardInterrupt:  # Outermost: it can also come while another error is being told.
        return _fail("interrupted", INTERRUPTED)


def _run(arguments: list[str]) -> int:
    try:
        options = _parser().parse_args(arguments)
    except SystemExit as leave:  # argparse has already said why.
        return leave.code if isinstance(leave.code, int) else BAD_INPUT
    try:
        answer: Answer = options.run(options)
        _show(answer, options, arguments)
    except CapacityError as error:
        return _fail(str(error), NO)
    except BrokenPipeError:
        # The reader has seen enough; the interpreter must not try to flush again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return YES
    except Exception as error:
        if options.traceback:
            raise
        return _fail(_message(error), BAD_INPUT)
    return answer.status


def _message(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    if isinstance(error, ValueError | TypeError | OSError | ScheduleError | ImportError):
        return str(error) or type(error).__name__
    return f"{type(error).__name__}: {error}; this is a mistake of lpusim, which --traceback helps to report"


def _fail(message: str, status: int) -> int:
    print(f"lpusim: {message}", file=sys.stderr)
    return status


def _show(answer: Answer, options: argparse.Namespace, arguments: list[str]) -> None:
    answered = document(
        options.command, answer.result, arguments=arguments, specs=answer.specs, seed=answer.seed
    )
    if options.output is not None:
        write_atomic(options.output, to_json(answered))
    print(to_json(answered) if options.json else answer.screen, end="" if options.json else "\n")
    sys.stdout.flush()


def _estimate(options: argparse.Namespace) -> Answer:
    from lpusim import estimate, load_model, load_system

    model, system = load_model(options.model), load_system(options.system)
    names = ("batch", "input_tokens", "output_tokens", "context", "weights", "kv", "price", "utilisation")
    point = estimate(model, system, **{name: getattr(options, name) for name in names})
    return Answer(point.to_dict(), str(point), specs=(model.config, system.parameters()))


def _audit(options: argparse.Namespace) -> Answer:
    from lpusim._audit import audit

    result = audit(options.claim)
    no = result.verdict in ("impossible", "contradictory")
    return Answer(result.to_dict(), str(result), NO if no else YES, specs=(result.claim,))


def _presets(options: argparse.Namespace) -> Answer:
    from lpusim._presets import presets

    names = presets()
    if options.name is None:
        rows = [[kind, " ".join(members)] for kind, members in names.items()]
        return Answer(names, table(rows, header=["kind", "names"]), specs=(names,))
    kinds = [kind for kind, members in names.items() if options.name in members]
    if not kinds:
        from lpusim._names import unknown_name

        raise unknown_name("preset", options.name, [name for members in names.values() for name in members])
    return _describe(kinds[0], options.name)


def _describe(kind: str, name: str) -> Answer:
    """One preset, number by number."""
    if kind == "models":
        from lpusim import load_model

        model = load_model(name)
        return Answer(dict(model.config), repr(model), specs=(model.config,))
    if kind == "claims":
        from lpusim._audit.claim import load_claim

        claim = load_claim(name)
        return Answer(msgspec.to_builtins(claim), f"{name}: {claim.statement}", specs=(claim,))
    if kind == "systems":
        from lpusim import load_system

        system = load_system(name)
        summary, parameters, result = repr(system), system.parameters(), msgspec.to_builtins(system)
    else:
        from lpusim._presets import load_chip, load_prices

        preset = load_chip(name) if kind == "chips" else load_prices(name)
        summary, parameters, result = preset.summary, preset.parameters(), msgspec.to_builtins(preset)
    rows = []
    for dotted, p in parameters.items():
        value = f"{p.value:,}" if isinstance(p.value, int) else str(p.value)
        span = "" if p.low is None or p.high is None else f"{number(p.low, 6)} to {number(p.high, 6)}"
        rows.append([dotted, value, p.unit, p.status, span, p.source])
    header = ["parameter", "value", "unit", "status", "range", "source"]
    screen = f"{name}: {summary}\n\n{table(rows, header=header, numeric='lr')}"
    return Answer(result, screen, specs=(parameters,))


def _serve(options: argparse.Namespace) -> Answer:
    from lpusim import serve

    fleet = [_pool(text, options) for text in options.pool]
    trace = _trace(options)
    with progress("serving") as report:
        result = serve(
            fleet,
            trace,
            slo=_slo(options),
            policy=options.policy,
            seed=options.seed,
            price=options.price,
            progress=report,
        )
    if not options.no_bounds:
        with progress("bounds"):
            _ = result.bounds
    missed = result.slo is not None and not result.meets_slo()
    specs = (*_fleet_specs(fleet), trace.to_columns())
    return Answer(result.to_dict(), serve_screen(result), NO if missed else YES, specs, options.seed)


def _recommend(options: argparse.Namespace) -> Answer:
    slo = _slo(options)
    if slo is None:
        raise ValueError("recommend needs a limit to meet: --ttft-s, --tpot-s or --e2e-s")
    from lpusim import load_model, recommend

    model, trace = load_model(options.model), _trace(options)
    chosen = {name: getattr(options, name) for name in ("weights", "kv", "price")}
    with progress("sizing fleets") as report:
        result = recommend(model, options.candidates, trace, slo=slo, **chosen, progress=report)
    machines = [fleet.pool.system.parameters() for fleet in result.fleets if fleet.pool is not None]
    specs = (model.config, machines, trace.to_columns())
    return Answer(result.to_dict(), str(result), NO if result.best is None else YES, specs, options.seed)


def _pool(text: str, options: argparse.Namespace) -> Any:
    from lpusim import Pool, load_model, load_system

    name, equals, machine = text.rpartition("=")
    model, at, system = machine.partition("@")
    if not at or not model or not system or (equals and not name):
        raise ValueError(f"--pool must be MODEL@SYSTEM or NAME=MODEL@SYSTEM, got {text!r}")
    chosen = {key: getattr(options, key) for key in ("weights", "kv") if getattr(options, key) is not None}
    return Pool(load_model(model), load_system(system), name=name or machine, **chosen)


def _fleet_specs(fleet: Sequence[Any]) -> tuple[Any, ...]:
    return tuple((pool.name, pool.model.config, pool.system.parameters()) for pool in fleet)


def _slo(options: argparse.Namespace) -> Any:
    from lpusim import Slo

    limits = {name: getattr(options, name) for name in ("ttft_s", "tpot_s", "e2e_s")}
    if all(limit is None for limit in limits.values()):
        return None
    return Slo(**limits, percentile=options.percentile)


def _trace(options: argparse.Namespace) -> Any:
    from lpusim import generate_trace, load_trace

    if options.trace is None:
        for flag, given in (
            ("--format", options.format is not None),
            ("--sort", options.sort),
            ("--rate-scale", options.rate_scale != 1),
            ("--limit", options.limit is not None),
        ):
            if given:
                raise ValueError(f"{flag} is about a trace file: name one with --trace")
        return generate_trace(options.requests, seed=options.seed)
    with progress("reading the trace") as report:
        return load_trace(
            options.trace,
            options.format,
            bad_rows=options.bad_rows,
            sort=options.sort,
            rate_scale=options.rate_scale,
            limit=options.limit,
            progress=report,
        )


def _demo(options: argparse.Namespace) -> Answer:
    from lpusim._demo import run

    # The demo prints as it goes; where JSON was asked for, that is for stderr.
    where = contextlib.redirect_stdout(sys.stderr) if options.json else contextlib.nullcontext()
    with where:
        demo = run(out=options.out, trace=options.trace)
    return Answer(demo.result, "", specs=demo.specs, seed=demo.seed)


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, as every other error of the command does."""

    def error(self, message: str) -> NoReturn:
        self.exit(BAD_INPUT, f"lpusim: {message}; see {self.prog} --help\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="lpusim", description="Exact simulator of deterministic LPU machines running LLM inference."
    )
    parser.add_argument("--version", action="version", version=f"lpusim {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)

    point = _command(commands, "estimate", _estimate, "one model on one system at one operating point")
    point.add_argument("model", help="preset, config.json or its folder")
    point.add_argument("system", help="CHIP-N such as lp30-1536, api:NAME, or a spec file")
    point.add_argument("--batch", type=int, default=1, help="users at once (default 1)")
    point.add_argument("--input-tokens", type=int, default=1024, help="prompt length (default 1024)")
    point.add_argument("--output-tokens", type=int, default=1024, help="answer length (default 1024)")
    point.add_argument("--context", type=int, help="tokens before the step shown (default: mid-output)")
    point.add_argument("--utilisation", type=float, default=1.0, help="busy share of wall time (default 1)")
    _add_formats(point)
    _add_price(point)

    serving = _command(commands, "serve", _serve, "a fleet serving a request trace")
    serving.add_argument(
        "--pool", action="append", required=True, metavar="[NAME=]MODEL@SYSTEM", help="one pool; repeatable"
    )
    serving.add_argument("--policy", default="round-robin", help="router policy (default round-robin)")
    serving.add_argument(
        "--no-bounds", action="store_true", help="run the trace once only, without low and high"
    )
    _add_trace(serving)
    _add_formats(serving)
    _add_price(serving)

    sizing = _command(commands, "recommend", _recommend, "the smallest fleet of each kind that meets limits")
    sizing.add_argument("model", help="preset, config.json or its folder")
    sizing.add_argument(
        "candidates", nargs="+", metavar="CHIP", help="chip presets such as lp30, or api:NAME"
    )
    _add_trace(sizing)
    _add_formats(sizing)
    _add_price(sizing)

    claim = _command(commands, "audit", _audit, "a claim held against facts, physics and prices")
    claim.add_argument("claim", help="claim preset, or a TOML or JSON file")

    listing = _command(commands, "presets", _presets, "what is built in, number by number")
    listing.add_argument("name", nargs="?", help="show this one with its sources")

    demo = _command(
        commands, "demo", _demo, "three fleets side by side, three claims, and where it wrote all"
    )
    demo.add_argument("--out", type=Path, default=Path("demo-out"), help="folder for results")
    demo.add_argument("--trace", type=Path, help="a trace file (default: generated)")
    return parser


def _command(
    commands: Any, name: str, run: Callable[[argparse.Namespace], Answer], summary: str
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=summary, description=summary)
    parser.set_defaults(run=run)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a screen")
    parser.add_argument("--output", type=Path, metavar="FILE", help="also write the JSON to this file")
    parser.add_argument("--traceback", action="store_true", help="show where an error came from")
    return parser


def _add_formats(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--weights", help="number format of weights, such as fp8 (default: as published)")
    parser.add_argument("--kv", help="number format of the KV cache")


def _add_price(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--price",
        type=_price,
        default="owner",
        help="owner, rental, or USD per chip and hour (default owner)",
    )


def _add_trace(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--trace", type=Path, help="a trace file (default: generated, and says from what)")
    parser.add_argument(
        "--format", choices=("azure", "mooncake", "csv"), help="default: told by the first line"
    )
    parser.add_argument(
        "--bad-rows", choices=("stop", "count"), default="stop", help="at a row that is no request"
    )
    parser.add_argument("--sort", action="store_true", help="accept rows out of order")
    parser.add_argument("--rate-scale", type=float, default=1.0, help="arrival rate times this (default 1)")
    parser.add_argument("--limit", type=int, help="read at most this many requests")
    parser.add_argument("--requests", type=int, default=1000, help="requests to generate (default 1000)")
    parser.add_argument("--seed", type=int, default=0, help="of generator and random policy (default 0)")
    parser.add_argument("--ttft-s", type=float, help="limit: seconds to the first token")
    parser.add_argument("--tpot-s", type=float, help="limit: seconds per output token")
    parser.add_argument("--e2e-s", type=float, help="limit: seconds from arrival to last token")
    parser.add_argument(
        "--percentile", type=float, default=0.99, help="share of requests within each limit (default 0.99)"
    )


def _price(text: str) -> str | float:
    if text in ("owner", "rental"):
        return text
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be owner, rental or a number, got {text!r}") from None
