"""Clients whose SCRAM-SHA-256 is that of scramp. paho-mqtt knows no AUTH, so packets are written here, and their properties
by paho-mqtt."""

import socket

from checks import PATIENCE, run
from paho_peer import PacketTypes, Properties, properties
from scram_users import USERS
from scramp import ScramClient, ScramException

CONNECT, CONNACK, DISCONNECT, AUTH = 0x10, 0x20, 0xE0, 0xF0
SUCCESS, CONTINUE, AGAIN = 0x00, 0x18, 0x19
WRONG, NOT_AUTHORIZED, BAD_METHOD = 0x86, 0x87, 0x8C
METHOD = "SCRAM-SHA-256"


class Wire:
    """A connection of 5.0."""

    def __init__(self, options):
        self.socket = socket.create_connection(("127.0.0.1", options.port), PATIENCE)
        self.stream = self.socket.makefile("rb")

    def send(self, first, body):
        length, size = b"", len(body)
        while True:
            size, digit = divmod(size, 128)
            length += bytes([digit | (0x80 if size else 0)])
            if not size:
                break
        self.socket.sendall(bytes([first]) + length + body)

    def receive(self):
        """The next packet: its first byte, reason code and Authentication Data; nothing at the end."""
        first = self.stream.read(1)
        if not first:
            return None
        length, shift = 0, 0
        while True:
            digit = self.stream.read(1)[0]
            length, shift = length | (digit & 0x7F) << shift, shift + 7
            if digit < 0x80:
                break
        body = self.stream.read(length)
        if first[0] == CONNACK:
            body = body[1:]
        found = Properties({CONNACK: PacketTypes.CONNACK, AUTH: PacketTypes.AUTH}.get(first[0], PacketTypes.DISCONNECT))
        if len(body) > 1:
            found.unpack(body[1:])
        data = getattr(found, "AuthenticationData", None)
        return first[0], body[0] if body else SUCCESS, data.decode() if data is not None else None

    def connect(self, method, data):
        known = properties(PacketTypes.CONNECT, AuthenticationMethod=method, AuthenticationData=data.encode())
        self.send(CONNECT, b"\0\4MQTT\5\2\0\0" + known.pack() + b"\0\0")

    def auth(self, code, data):
        known = properties(PacketTypes.AUTH, AuthenticationMethod=METHOD, AuthenticationData=data.encode())
        self.send(AUTH, bytes([code]) + known.pack())

    def prove(self, client):
        """Answers the question that comes next; what the broker says to that."""
        packet, code, question = self.receive()
        assert (packet, code) == (AUTH, CONTINUE), (packet, code)
        client.set_server_first(question)
        self.auth(CONTINUE, client.get_client_final())
        return self.receive()


def admitted(check, user, client, answer, packet):
    """The broker accepts, and scramp accepts its proof."""
    check.equal(f"{user}: packet and code", answer[:2], (packet, SUCCESS))
    client.set_server_final(answer[2])


def begin(options, user, password, method=METHOD, named=METHOD, **binding):
    """CONNECT of a client that speaks `method` and says that it speaks `named`."""
    wire, client = Wire(options), ScramClient([method], user, password, **binding)
    wire.connect(named, client.get_client_first())
    return wire, client


def proof(check, peer):
    """Who knows the password gets in, and the broker proves that it knows the user; nobody else gets in."""
    binding = {"channel_binding": ("tls-unique", b"x")}
    for user, password in USERS.items():
        wire, client = peer(user, password)
        admitted(check, user, client, wire.prove(client), CONNACK)
        # it would bind to a channel if the broker could
        wire, client = peer(user, password, **binding)
        admitted(check, user, client, wire.prove(client), CONNACK)
        wire, client = peer(user, password + "x")
        check.equal(f"{user}: wrong password", wire.prove(client), (CONNACK, WRONG, None))
        check.equal(f"{user}: the end", wire.receive(), None)
    # other spellings of the same
    for user, password in (("\u2168", "aa"), ("Ju\u0308rgen", "gru\u0308\u00dfe\u00a0\u65e5\u672c")):
        wire, client = peer(user, password)
        admitted(check, user, client, wire.prove(client), CONNACK)
    salts = set()
    for _ in range(2):
        wire, client = peer("nobody", "pencil")
        check.equal("nobody", wire.prove(client), (CONNACK, WRONG, None))
        salts.add(str(client.salt))
    check.equal("salts of nobody", len(salts), 1)
    for named in (METHOD, f"{METHOD}-PLUS"):
        wire, _ = peer("alice", "pencil", f"{METHOD}-PLUS", named, **binding)
        check.equal("channel binding", wire.receive(), (CONNACK, BAD_METHOD, None))


def anew(check, peer):
    """A client authenticates anew as itself, and as nobody else."""

    def again(wire, user, password):
        client = ScramClient([METHOD], user, password)
        wire.auth(AGAIN, client.get_client_first())
        return client, wire.prove(client)

    for other, password in (("alice", "wrong"), ("IX", USERS["IX"]), ("nobody", "pencil")):
        wire, client = peer("alice", "pencil")
        admitted(check, "alice", client, wire.prove(client), CONNACK)
        for _ in range(3):
            admitted(check, "alice again", *again(wire, "alice", "pencil"), AUTH)
        _, answer = again(wire, other, password)
        check.equal(f"as {other}", answer, (DISCONNECT, NOT_AUTHORIZED, None))
        check.equal("the end", wire.receive(), None)


def impostor(check, peer):
    """scramp would notice if the broker did not prove itself: what proves it in one conversation does not in another."""

    def is_believed(client, proof):
        try:
            client.set_server_final(proof)
        except ScramException:
            return False
        return True

    wire, client = peer("alice", "pencil")
    earlier = wire.prove(client)[2]
    check.equal("its own", is_believed(client, earlier), True)
    wire, client = peer("alice", "pencil")
    check.equal("code", wire.prove(client)[1], SUCCESS)
    check.equal("of before", is_believed(client, earlier), False)


if __name__ == "__main__":
    run([proof, anew, impostor], begin)
