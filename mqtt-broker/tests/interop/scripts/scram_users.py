"""Writes a file of users for SCRAM-SHA-256, with what scramp keeps of their passwords."""

import base64
import pathlib
import sys

try:
    from scramp import ScramMechanism
except ImportError:
    sys.exit("this Python has no scramp: run .ci/interop-setup")

USERS = {"alice": "pencil", "a,b=c": "=,=2C", "J\u00fcrgen": "gr\u00fc\u00dfe \u65e5\u672c", "IX": "a\u00aa"}


def line(user, password):
    salt, stored_key, server_key, iterations = ScramMechanism("SCRAM-SHA-256").make_auth_info(password, 4096)
    salt, stored_key, server_key = (base64.b64encode(part).decode() for part in (salt, stored_key, server_key))
    return f"{user}:SCRAM-SHA-256${iterations}:{salt}${stored_key}:{server_key}\n"


if __name__ == "__main__":
    pathlib.Path(sys.argv[1]).write_text("".join(line(*user) for user in USERS.items()), encoding="utf-8")
