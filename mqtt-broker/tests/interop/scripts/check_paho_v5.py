"""Scenarios of paho-mqtt for MQTT 5.0 alone; exit code 0 means that every check held."""

import queue

from checks import EVERY_QOS, PATIENCE, numbers, run
from paho_peer import PacketTypes, Peer, ReasonCode, properties, seen

PROPERTIES = {
    "PayloadFormatIndicator": 1,
    "ContentType": "application/json",
    "ResponseTopic": "reply/here",
    "CorrelationData": bytes(range(256)),
    "UserProperty": [("b", "1"), ("a", "2"), ("b", "3"), ("ü", "🦀")],
}
SHARED_MEMBERS = 3


def check_properties(check, message):
    for name, value in PROPERTIES.items():
        check.equal(name, getattr(message.properties, name), value)


def message_properties(check, peer):
    """Every property of a message arrives, live and retained, the expiry counted down."""
    live, sender = peer(), peer()
    for qos in EVERY_QOS:
        live.subscribe((f"properties/{qos}", qos))
        sender.publish(f"properties/{qos}", b"{}", qos, True, MessageExpiryInterval=3600, **PROPERTIES)
        later = peer()
        later.subscribe((f"properties/{qos}", qos))
        for receiver, retain in ((live, False), (later, True)):
            message = receiver.messages.get(timeout=PATIENCE)
            check.equal("message", seen(message), (f"properties/{qos}", b"{}", qos, retain))
            check_properties(check, message)
            check.equal("expiry", 3500 <= message.properties.MessageExpiryInterval <= 3600, True)


def no_properties(check, peer):
    """The broker adds none to a message without."""
    receiver, sender = peer(), peer()
    receiver.subscribe(("plain", 1))
    sender.publish("plain", b"x", 1)
    check.equal("properties", receiver.messages.get(timeout=PATIENCE).properties.json(), {})


def will_properties(check, peer):
    """A will carries its properties; DISCONNECT with 0x04 publishes it."""
    witness = peer()
    witness.subscribe(("will", 1))
    wanted = properties(PacketTypes.WILLMESSAGE, **PROPERTIES)
    client = peer(will={"topic": "will", "payload": b"{}", "qos": 1, "properties": wanted})
    client.client.disconnect(reasoncode=ReasonCode(PacketTypes.DISCONNECT, identifier=0x04))
    message = witness.messages.get(timeout=PATIENCE)
    check.equal("will", seen(message), ("will", b"{}", 1, False))
    check_properties(check, message)


def subscription_options(check, peer):
    """No Local, Retain As Published and the three ways of Retain Handling."""
    client, other = peer(), peer()
    client.subscribe(("local", 1), noLocal=True)
    client.publish("local", b"own", 1)
    other.publish("local", b"other", 1)
    check.equal("no local", client.rest(), [("local", b"other", 1, False)])
    client.subscribe(("flag", 1), retainAsPublished=True)
    other.publish("flag", b"kept", 1, retain=True)
    check.equal("retain as published", client.rest(), [("flag", b"kept", 1, True)])
    kept = [("flag", b"kept", 1, True)]
    # Retain Handling 0 sends always, 1 only for a new subscription, 2 never.
    for handling, first, again in ((0, kept, kept), (1, kept, []), (2, [], [])):
        fresh = peer()
        fresh.subscribe(("flag", 1), retainHandling=handling)
        check.equal(f"handling {handling}, new", fresh.rest(), first)
        fresh.subscribe(("flag", 1), retainHandling=handling)
        check.equal(f"handling {handling}, again", fresh.rest(), again)


def subscription_identifiers(check, peer):
    """Every matching subscription of the client names itself, in one message or one each."""
    client, sender = peer(), peer()
    for name, identifier in (("id/#", 7), ("id/+", 300)):
        named = properties(PacketTypes.SUBSCRIBE, SubscriptionIdentifier=identifier)
        client.client.subscribe(name, 1, properties=named)
        check.equal("SUBACK", [code.value for code in client.answers.get(timeout=PATIENCE)], [1])
    sender.publish("id/1", b"x", 1)
    client.subscribe(("the/end", 2))
    peer().publish("the/end", b"", 2)
    found = []
    while (message := client.messages.get(timeout=PATIENCE)).topic != "the/end":
        check.equal("message", seen(message), ("id/1", b"x", 1, False))
        found += message.properties.SubscriptionIdentifier
    check.equal("identifiers", sorted(found), [7, 300])


def shared(check, peer):
    """Each message goes to one member; the last member gets all."""
    common = queue.Queue()
    members = [peer() for _ in range(SHARED_MEMBERS)]
    for member in members:
        member.client.on_message = lambda _c, _u, message: common.put(message)
        check.equal("SUBACK", member.subscribe(("$share/group/job", 1)), [1])
    sender = peer()
    for payload in numbers(90):
        sender.publish("job", payload, 1)
    taken = [seen(common.get(timeout=PATIENCE)) for _ in range(90)]
    expected = [("job", payload, 1, False) for payload in numbers(90)]
    check.equal("messages", sorted(taken, key=lambda message: int(message[1])), expected)
    for member in members[1:]:
        check.equal("UNSUBACK", member.unsubscribe("$share/group/job"), [0])
    for payload in numbers(10):
        sender.publish("job", payload, 1)
    check.equal("last member", [seen(common.get(timeout=PATIENCE))[1] for _ in range(10)], numbers(10))


def assigned_client_id(check, peer):
    """A client without an id is given one of its own."""
    names = [peer().properties.AssignedClientIdentifier for _ in range(2)]
    check.equal("lengths", [len(name) > 0 for name in names], [True, True])
    check.equal("different", names[0] != names[1], True)


def topic_alias(check, peer):
    """Later messages carry the alias alone."""
    receiver, sender = peer(), peer()
    maximum = getattr(sender.properties, "TopicAliasMaximum", 0)
    check.equal("the broker takes aliases", maximum > 0, True)
    receiver.subscribe(("alias/+", 1))
    for round in range(3):
        for alias, topic in ((1, "alias/a"), (maximum, "alias/b")):
            sender.publish(topic if round == 0 else "", str(round), 1, TopicAlias=alias)
    expected = [(topic, str(round).encode(), 1, False) for round in range(3) for topic in ("alias/a", "alias/b")]
    check.equal("messages", receiver.receive(6), expected)


def receive_maximum(check, peer):
    """A client that takes two at a time still gets all, in order."""
    client, sender = peer(ReceiveMaximum=2), peer()
    for qos in (1, 2):
        client.subscribe((f"window/{qos}", qos))
        for payload in numbers(50):
            sender.publish(f"window/{qos}", payload, qos)
        check.equal("messages", client.receive(50), [(f"window/{qos}", p, qos, False) for p in numbers(50)])


def maximum_packet_size(check, peer):
    """A message too large for a client is left out for that client alone, and nobody is disturbed."""
    small, large, sender = peer(MaximumPacketSize=200), peer(), peer()
    for client in (small, large):
        client.subscribe(("size", 1))
    for payload in (b"a", b"b" * 300, b"c"):
        sender.publish("size", payload, 1)
    check.equal("small", [message[1] for message in small.rest()], [b"a", b"c"])
    check.equal("large", [message[1] for message in large.rest()], [b"a", b"b" * 300, b"c"])


def message_expiry(check, peer):
    """An offline client gets the remaining interval of what has not expired."""
    client = peer("expiry", clean=False)
    client.subscribe(("expiry", 1))
    client.leave()
    peer().publish("expiry", b"kept", 1, MessageExpiryInterval=3600)
    message = peer("expiry", clean=False).messages.get(timeout=PATIENCE)
    check.equal("message", seen(message), ("expiry", b"kept", 1, False))
    check.equal("remaining", 3500 <= message.properties.MessageExpiryInterval <= 3600, True)


def session_expiry_on_disconnect(check, peer):
    """DISCONNECT may end a session that CONNECT wanted kept."""
    client = peer("forget", clean=False)
    client.subscribe(("forget", 1))
    client.client.disconnect(properties=properties(PacketTypes.DISCONNECT, SessionExpiryInterval=0))
    client.ends.get(timeout=PATIENCE)
    back = peer("forget", clean=False)
    check.equal("session present", back.flags.session_present, False)


SCENARIOS = [
    message_properties, no_properties, will_properties, subscription_options, subscription_identifiers, shared,
    assigned_client_id, topic_alias, receive_maximum, maximum_packet_size, message_expiry,
    session_expiry_on_disconnect,
]

if __name__ == "__main__":
    run(SCENARIOS, Peer)
