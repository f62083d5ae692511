"""Scenarios of paho-mqtt for every version; exit code 0 means that every check held."""

from checks import EVERY_QOS, PATIENCE, PAYLOADS, numbers, run
from paho_peer import Peer


def payloads(check, peer):
    """Empty, every byte, large and UTF-8 payloads at every QoS."""
    receiver, sender = peer(), peer()
    for qos in EVERY_QOS:
        check.equal("SUBACK", receiver.subscribe((f"payload/{qos}", qos)), [qos])
        for payload in PAYLOADS:
            check.equal("acknowledgement", sender.publish(f"payload/{qos}", payload, qos), 0)
            check.equal("message", receiver.receive(), [(f"payload/{qos}", payload, qos, False)])
    check.equal("rest", receiver.rest(), [])


def order(check, peer):
    """Many messages without waiting for acknowledgements."""
    receiver, sender = peer(), peer()
    for qos in EVERY_QOS:
        receiver.subscribe((f"order/{qos}", qos))
        for payload in numbers(500):
            sender.client.publish(f"order/{qos}", payload, qos)
        expected = [(f"order/{qos}", payload, qos, False) for payload in numbers(500)]
        check.equal("messages", receiver.receive(500), expected)
    check.equal("rest", receiver.rest(), [])


def lower_qos(check, peer):
    """Each subscription of one SUBSCRIBE is granted and delivered with its own QoS."""
    receiver, sender = peer(), peer()
    codes = receiver.subscribe(*[(f"lower/{qos}", qos) for qos in EVERY_QOS])
    check.equal("SUBACK", codes, [0, 1, 2])
    for subscribed in EVERY_QOS:
        for qos in EVERY_QOS:
            sender.publish(f"lower/{subscribed}", b"x", qos)
            expected = [(f"lower/{subscribed}", b"x", min(qos, subscribed), False)]
            check.equal("message", receiver.receive(), expected)


def retained(check, peer):
    """Set, replaced, delivered later, cleared; live deliveries carry no flag."""
    sender, live = peer(), peer()
    for qos in EVERY_QOS:
        topic = f"retained/{qos}"
        live.subscribe((topic, qos))
        for payload in (b"old", b"new"):
            sender.publish(topic, payload, qos, retain=True)
        check.equal("live", live.receive(2), [(topic, b"old", qos, False), (topic, b"new", qos, False)])
        later = peer()
        later.subscribe((topic, 2))
        check.equal("later", later.rest(), [(topic, b"new", qos, True)])
        sender.publish(topic, b"", qos, retain=True)
        check.equal("clearing", live.receive(), [(topic, b"", qos, False)])
        nobody = peer()
        nobody.subscribe((topic, 2))
        check.equal("cleared", nobody.rest(), [])


def will(check, peer):
    """Published when the connection is cut, forgotten after DISCONNECT."""
    witness = peer()
    witness.subscribe(("will/#", 2))
    for qos in EVERY_QOS:
        last_words = {"topic": f"will/{qos}", "payload": b"gone", "qos": qos, "retain": True}
        peer(will=last_words).leave()
        peer(will=last_words).cut()
        check.equal("will", witness.receive(), [(f"will/{qos}", b"gone", qos, False)])
        later = peer()
        later.subscribe((f"will/{qos}", 2))
        check.equal("retained will", later.rest(), [(f"will/{qos}", b"gone", qos, True)])
    check.equal("rest", witness.rest(), [])


def session(check, peer):
    """Subscriptions and messages are kept for a client that asked for it, also when its connection was cut."""
    sender = peer()
    for way in (Peer.leave, Peer.cut):
        name = f"session-{way.__name__}"
        first = peer(name, clean=False)
        check.equal("new session", (first.code.value, first.flags.session_present), (0, False))
        first.subscribe((f"{name}/#", 2))
        way(first)
        expected = [(f"{name}/{qos}", payload, qos, False) for qos in (1, 2) for payload in numbers(40)]
        for topic, payload, qos, _ in expected:
            sender.publish(topic, payload, qos)
        back = peer(name, clean=False)
        # MQTT 3.1 has no such flag.
        check.equal("session present", back.flags.session_present, back.options.version != "31")
        check.equal("kept messages", sorted(back.receive(80), key=lambda seen: seen[2]), expected)
        sender.publish(f"{name}/live", b"live", 1)
        check.equal("remembered subscription", back.receive(), [(f"{name}/live", b"live", 1, False)])
        back.leave()
        clean = peer(name)
        check.equal("clean", clean.flags.session_present, False)
        sender.publish(f"{name}/1", b"nobody listens", 1)
        check.equal("discarded", clean.rest(), [])


def unsubscribe(check, peer):
    """UNSUBACK comes, and after it no message."""
    receiver, sender = peer(), peer()
    receiver.subscribe(("left/#", 1), ("kept", 1))
    five = receiver.options.version == "5"
    check.equal("UNSUBACK", receiver.unsubscribe("left/#"), [0] if five else [])
    check.equal("unknown filter", receiver.unsubscribe("left/#"), [17] if five else [])
    sender.publish("left/1", b"x", 1)
    sender.publish("kept", b"y", 1)
    check.equal("rest", receiver.rest(), [("kept", b"y", 1, False)])


def resubscribe(check, peer):
    """Subscribing again replaces the subscription, sends the retained message again and doubles nothing."""
    receiver, sender = peer(), peer()
    sender.publish("again", b"kept", 1, retain=True)
    for qos in (0, 1):
        receiver.subscribe(("again", qos))
        check.equal("retained", receiver.receive(), [("again", b"kept", qos, True)])
    sender.publish("again", b"live", 1)
    check.equal("rest", receiver.rest(), [("again", b"live", 1, False)])


def take_over(check, peer):
    """The second client with an id ends the first; the will of the first is published."""
    witness = peer()
    witness.subscribe(("gone", 1))
    first = peer("same", will={"topic": "gone", "payload": b"first", "qos": 1})
    second = peer("same")
    flags, _ = first.ends.get(timeout=PATIENCE)
    # [MQTT-3.1.4-3] Its reason code is looked at elsewhere: paho reads none from a packet this short.
    check.equal("DISCONNECT", flags.is_disconnect_packet_from_server, first.options.version == "5")
    check.equal("will", witness.receive(), [("gone", b"first", 1, False)])
    second.subscribe(("second", 0))
    witness.publish("second", b"alive", 0)
    check.equal("second", second.receive(), [("second", b"alive", 0, False)])


def credentials(check, peer):
    """Right passwords are let in; wrong ones, unknown users and nobody at all get one answer."""
    for login in (("pbkdf2", "open sesame"), ("sha512", "Zürich:1")):
        check.equal("right", peer(login=login).code.value, 0)
    for login in (("pbkdf2", "open sesam"), ("sha512", ""), ("nobody", "open sesame"), None):
        # Mosquitto says that they are not authorized
        check.equal("wrong", peer(login=login).code.value in (0x86, 0x87), True)


SCENARIOS = [payloads, order, lower_qos, retained, will, session, unsubscribe, resubscribe, take_over, credentials]

if __name__ == "__main__":
    run(SCENARIOS, Peer)
