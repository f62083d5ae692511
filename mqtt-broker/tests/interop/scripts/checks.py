"""What the Python checks share: comparing with a count, and the command line that picks a scenario."""

import argparse
import asyncio
import functools
import sys

PATIENCE = 20
"""Seconds after which something that should have come will not come any more."""

EVERY_QOS = (0, 1, 2)
PAYLOADS = (b"", bytes(range(256)), bytes(i % 251 for i in range(100_000)), "grüße 日本 🦀".encode())


class Checks:
    """Compares and counts, so that a scenario that looked at nothing cannot pass."""

    def __init__(self):
        self.count = 0

    def equal(self, what, got, expected):
        self.count += 1
        if got != expected:
            raise AssertionError(f"{what}: got {shown(got)}, expected {shown(expected)}")


def shown(value):
    text = repr(value)
    return text if len(text) < 400 else f"{text[:400]}... ({len(text)} characters)"


def numbers(count):
    return [str(number).encode() for number in range(count)]


def run(scenarios, peer):
    """Runs the scenario that the command line names with clients made by `peer` for its port and version."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--version", choices=("31", "311", "5"), required=True)
    parser.add_argument("scenario", choices=[scenario.__name__ for scenario in scenarios])
    options = parser.parse_args()
    scenario = next(scenario for scenario in scenarios if scenario.__name__ == options.scenario)
    checks = Checks()
    outcome = scenario(checks, functools.partial(peer, options))
    if asyncio.iscoroutine(outcome):
        asyncio.run(outcome)
    if checks.count == 0:
        sys.exit("nothing was checked")
    print(f"passed {checks.count} checks")
