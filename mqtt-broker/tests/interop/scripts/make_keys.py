"""Writes keys for tokens into a directory: private ones, and the files for a broker that verifies."""

import json
import pathlib
import secrets
import sys

try:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
    from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm
except ImportError:
    sys.exit("this Python has no PyJWT with cryptography: run .ci/interop-setup")

KEYS = {
    "RS256": (rsa.generate_private_key(public_exponent=65537, key_size=2048), RSAAlgorithm),
    "ES256": (ec.generate_private_key(ec.SECP256R1()), ECAlgorithm),
    "EdDSA": (ed25519.Ed25519PrivateKey.generate(), OKPAlgorithm),
}


def main():
    directory = pathlib.Path(sys.argv[1])
    (directory / "secret").write_text(secrets.token_urlsafe(48) + "\n")
    public, key_set = b"", []
    for algorithm, (key, to_set) in KEYS.items():
        (directory / f"{algorithm}.pem").write_bytes(key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ))
        public += key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        entry = to_set.to_jwk(key.public_key(), as_dict=True)
        key_set.append({**entry, "kid": algorithm, "alg": algorithm, "use": "sig"})
    (directory / "public.pem").write_bytes(public)
    (directory / "jwks.json").write_text(json.dumps({"keys": key_set}))


main()
