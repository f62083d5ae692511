"""Clients of paho-mqtt that show a certificate, a wrong one or none."""

from checks import EVERY_QOS, PAYLOADS, run
from paho_peer import Peer

SUCCESS = 0


def own(check, peer):
    """Who has a good certificate comes in without a user name, and its messages come and go."""
    receiver, sender = peer(login=None), peer(login=None)
    check.equal("codes", (receiver.code.value, sender.code.value), (SUCCESS, SUCCESS))
    for qos in EVERY_QOS:
        check.equal("SUBACK", receiver.subscribe((f"own/{qos}", qos)), [qos])
        for payload in PAYLOADS:
            sender.publish(f"own/{qos}", payload, qos)
            check.equal("message", receiver.receive(), [(f"own/{qos}", payload, qos, False)])


def refused(check, peer):
    """The connection ends before there is a CONNACK."""
    try:
        let_in = peer(login=None).code.value == SUCCESS
    except OSError:
        # in 1.2 the handshake fails, in 1.3 what follows it
        let_in = False
    check.equal("let in", let_in, False)


if __name__ == "__main__":
    run([own, refused], Peer)
