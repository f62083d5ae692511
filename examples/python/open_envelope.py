"""Opens envelopes of mqtt-client's payload encryption. Needs `pip install cryptography`; its argument is a file of test vectors.
`open_envelope` is all of it. It does not look for replays: remember (sender, number) of what you have opened."""
import hashlib
import hmac
import struct
import sys

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305


def extract(salt, secret):
    return hmac.new(salt or bytes(32), secret, hashlib.sha256).digest()


def expand(key, info, length):  # up to 32 bytes
    return hmac.new(key, info + b"\x01", hashlib.sha256).digest()[:length]


def hpke_key(private, encapsulated, info):  # RFC 9180, base mode, X25519, HKDF-SHA256, ChaCha20-Poly1305
    def labeled_extract(suite, salt, label, secret):
        return extract(salt, b"HPKE-v1" + suite + label + secret)

    def labeled_expand(suite, key, label, info, length):
        return expand(key, struct.pack(">H", length) + b"HPKE-v1" + suite + label + info, length)

    kem, suite = b"KEM\x00\x20", b"HPKE\x00\x20\x00\x01\x00\x03"
    shared = private.exchange(X25519PublicKey.from_public_bytes(encapsulated))
    both = encapsulated + private.public_key().public_bytes_raw()
    shared = labeled_expand(kem, labeled_extract(kem, b"", b"eae_prk", shared), b"shared_secret", both, 32)
    hashes = [labeled_extract(suite, b"", *each) for each in ((b"psk_id_hash", b""), (b"info_hash", info))]
    context, secret = b"\0" + b"".join(hashes), labeled_extract(suite, shared, b"secret", b"")
    return [labeled_expand(suite, secret, *each) for each in ((b"key", context, 32), (b"base_nonce", context, 12))]


def open_envelope(keys, topic, content_type, envelope):
    """The payload; `keys` has the 32 bytes of each key by (kind, identifier)."""
    if envelope[0] != 0xC1:
        raise ValueError("this is no envelope")
    kind, length = envelope[1], envelope[2]
    secret, end = keys[kind, envelope[3 : 3 + length].decode()], 35 + length
    data = envelope[:end] + b"".join(struct.pack(">H", len(text)) + text for text in (topic.encode(), content_type.encode()))
    sender, number, info = envelope[11 + length : 27 + length], envelope[27 + length : end], b"mqtt-envelope" + bytes([kind])
    if kind == 0x11:
        key, nonce = hpke_key(X25519PrivateKey.from_private_bytes(secret), envelope[end : end + 32], info)
        return ChaCha20Poly1305(key).decrypt(nonce, envelope[end + 32 :], data)
    cipher = {0x01: ChaCha20Poly1305, 0x02: AESGCM}[kind]
    return cipher(expand(extract(sender, secret), info, 32)).decrypt(bytes(4) + number, envelope[end:], data)


if __name__ == "__main__":
    for stanza in open(sys.argv[1], encoding="utf-8").read().split("\n\n"):
        vector = dict(line.split(" = ", 1) for line in stanza.splitlines() if " = " in line)
        if vector:
            keys = {(int(vector["kind"], 16), vector["key"]): bytes.fromhex(vector["secret"])}
            payload = open_envelope(keys, vector["topic"], vector.get("content type", ""), bytes.fromhex(vector["envelope"]))
            assert payload.hex() == vector["payload"], vector
            print(vector["kind"], vector["topic"], payload)
