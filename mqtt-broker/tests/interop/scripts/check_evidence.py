"""Clients of paho-mqtt that show who they are: tokens of PyJWT, and passwords for a server that is asked."""

import os
import pathlib
import sys
import time

from checks import PATIENCE, run
from paho_peer import Peer

try:
    import jwt
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
except ImportError:
    sys.exit("this Python has no PyJWT with cryptography: run .ci/interop-setup")

SUCCESS, WRONG, NOT_AUTHORIZED, UNAVAILABLE = 0, 0x86, 0x87, 0x88
STRANGERS = {
    "HS256": b"another secret of more than enough bytes",
    "RS256": rsa.generate_private_key(public_exponent=65537, key_size=2048),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}


def keys():
    """The private keys by algorithm."""
    directory = pathlib.Path(os.environ["MQTT_INTEROP_KEYS"])
    found = {path.stem: path.read_bytes() for path in directory.glob("*S*.pem")}
    return {**found, "HS256": (directory / "secret").read_bytes().strip()}


def headers(algorithm):
    return {"kid": algorithm} if os.environ.get("MQTT_INTEROP_KID") and algorithm != "HS256" else None


def token(key, algorithm, lifetime=600, **claims):
    now = int(time.time())
    claims = {"sub": "alice", "iat": now, "exp": now + lifetime, **claims}
    return jwt.encode(claims, key, algorithm, headers(algorithm))


def tokens(check, peer):
    """A token of each algorithm lets its client in; one of a stranger, an expired and an unsigned one do not."""

    def code(password):
        client = peer(login=("whatever", password))
        code = client.code.value
        if code == SUCCESS:
            client.leave()
        return code

    check.equal("algorithms", sorted(keys()), sorted(STRANGERS))
    for algorithm, key in keys().items():
        good = token(key, algorithm)
        check.equal(f"{algorithm} good", code(good), SUCCESS)
        check.equal(f"{algorithm} of a stranger", code(token(STRANGERS[algorithm], algorithm)), WRONG)
        check.equal(f"{algorithm} expired", code(token(key, algorithm, -600)), WRONG)
        check.equal(f"{algorithm} early", code(token(key, algorithm, nbf=int(time.time()) + 600)), WRONG)
        check.equal(f"{algorithm} for another", code(token(key, algorithm, aud="another")), WRONG)
        head, body, signature = good.split(".")
        unsigned = jwt.encode({"sub": "alice", "exp": int(time.time()) + 600}, None, "none")
        check.equal(f"{algorithm} none", code(unsigned), WRONG)
        check.equal(f"{algorithm} without its signature", code(f"{head}.{body}."), WRONG)
        other = token(key, algorithm, sub="root").split(".")[1]
        check.equal(f"{algorithm} with other claims", code(f"{head}.{other}.{signature}"), WRONG)
    check.equal("no token", code("pencil"), WRONG)


def expiry(check, peer):
    """The connection ends when the token does."""
    algorithm, key = "ES256", keys()["ES256"]
    client = peer(login=("whatever", token(key, algorithm, 2)))
    check.equal("code", client.code.value, SUCCESS)
    flags, _ = client.ends.get(timeout=PATIENCE)
    # paho reads no reason code from a packet this short
    check.equal("DISCONNECT", flags.is_disconnect_packet_from_server, client.options.version == "5")
    check.equal("is over", client.client.is_connected(), False)


def asked(check, peer):
    """The broker says what the server of `hook.py` does."""

    def code(user, password="pencil"):
        # a client that is given another identifier each time is never known from before
        client = peer(f"of {user}", login=(user, password))
        if client.code.value == SUCCESS:
            client.leave()
        return client.code.value

    check.equal("good", code("alice"), SUCCESS)
    check.equal("again", code("alice"), SUCCESS)
    check.equal("wrong", code("alice", "crayon"), WRONG)
    check.equal("barred", code("bob"), NOT_AUTHORIZED)
    check.equal("nobody knows", code("carol"), WRONG)
    check.equal("hangs", code("hang"), UNAVAILABLE)
    check.equal("breaks", code("break"), UNAVAILABLE)
    check.equal("still there", code("alice", "second pencil"), SUCCESS)
    check.equal("dies", code("die"), UNAVAILABLE)
    check.equal("is gone", code("dave"), UNAVAILABLE)
    check.equal("known from before", code("alice"), SUCCESS)


if __name__ == "__main__":
    run([tokens, expiry, asked], Peer)
