"""Scenarios of gmqtt for MQTT 3.1.1 and 5.0; exit code 0 means that every check held."""

import asyncio
import logging
import sys

from checks import EVERY_QOS, PATIENCE, PAYLOADS, numbers, run

try:
    import gmqtt
    from gmqtt.mqtt.constants import MQTTv50, MQTTv311
except ImportError:
    sys.exit("this Python has no gmqtt: run .ci/interop-setup")

AT_ONCE = 10

# Not 0: that still allows one attempt. Not -1: that stands for any number.
NEVER = -2

PROPERTIES = {
    "payload_format_id": 1,
    "content_type": "application/json",
    "response_topic": "reply/here",
    "correlation_data": b"id7",
    "user_property": [("b", "1"), ("a", "2"), ("b", "3")],
}


class Peer:
    """A connected client whose callbacks fill queues."""

    def __init__(self, options, name="", clean=True, will=None):
        self.five = options.version == "5"
        self.options = options
        self.messages, self.answers, self.ends = asyncio.Queue(), asyncio.Queue(), asyncio.Queue()
        keep = {"session_expiry_interval": 3600} if self.five and not clean else {}
        self.client = gmqtt.Client(name, clean_session=clean, will_message=will, **keep)
        self.client.set_config({"reconnect_retries": NEVER})
        self.client.on_connect = lambda _c, present, code, _p: self.answers.put_nowait((present, code))
        self.client.on_subscribe = lambda _c, _mid, codes, _p: self.answers.put_nowait(list(codes))
        self.client.on_unsubscribe = lambda _c, _mid, rest: self.answers.put_nowait(list(rest))
        self.client.on_message = lambda _c, *message: self.messages.put_nowait(message)
        self.client.on_disconnect = lambda _c, _packet, exc=None: self.ends.put_nowait(exc)

    async def connect(self):
        version = MQTTv50 if self.five else MQTTv311
        await self.client.connect("127.0.0.1", self.options.port, version=version)
        self.session_present, self.code = await soon(self.answers.get())
        return self

    async def subscribe(self, *filters, **options):
        """Subscribes to (filter, QoS) pairs and returns the reason codes."""
        self.client.subscribe([gmqtt.Subscription(name, qos, **options) for name, qos in filters])
        return await soon(self.answers.get())

    async def unsubscribe(self, name):
        self.client.unsubscribe(name)
        rest = await soon(self.answers.get())
        # gmqtt hands over the properties of MQTT 5.0 as they are.
        return rest[1 + rest[0]:] if self.five else rest

    async def receive(self, count=1):
        """The next messages as (topic, payload, QoS, RETAIN)."""
        return [seen(await soon(self.messages.get())) for _ in range(count)]

    async def rest(self):
        """All messages that come before one published now: what the broker still had for this client."""
        await self.subscribe(("the/end", 2))
        self.client.publish("the/end", b"", 2)
        messages = []
        while (message := await soon(self.messages.get()))[0] != "the/end":
            messages.append(seen(message))
        return messages

    async def cut(self):
        """Ends the network connection without DISCONNECT."""
        self.client._connection._transport.abort()
        await soon(self.ends.get())

    async def leave(self):
        await self.client.disconnect()


def soon(awaitable):
    return asyncio.wait_for(awaitable, PATIENCE)


def seen(message):
    topic, payload, qos, properties = message
    return topic, bytes(payload), qos, bool(properties["retain"])


async def payloads(check, peer):
    """Empty, every byte, large and UTF-8 payloads at every QoS."""
    receiver, sender = await peer().connect(), await peer().connect()
    for qos in EVERY_QOS:
        check.equal("SUBACK", await receiver.subscribe((f"payload/{qos}", qos)), [qos])
        for payload in PAYLOADS:
            sender.client.publish(f"payload/{qos}", payload, qos)
            check.equal("message", await receiver.receive(), [(f"payload/{qos}", payload, qos, False)])
    check.equal("rest", await receiver.rest(), [])


async def order(check, peer):
    """Many messages, as many at once as every broker takes: gmqtt sends without a look at the receive maximum."""
    receiver, sender = await peer().connect(), await peer().connect()
    for qos in EVERY_QOS:
        await receiver.subscribe((f"order/{qos}", qos))
        for start in range(0, 300, AT_ONCE):
            payloads = numbers(300)[start:start + AT_ONCE]
            for payload in payloads:
                sender.client.publish(f"order/{qos}", payload, qos)
            expected = [(f"order/{qos}", payload, qos, False) for payload in payloads]
            check.equal("messages", await receiver.receive(AT_ONCE), expected)
    check.equal("rest", await receiver.rest(), [])


async def lower_qos(check, peer):
    """Each subscription of one SUBSCRIBE is granted and delivered with its own QoS."""
    receiver, sender = await peer().connect(), await peer().connect()
    codes = await receiver.subscribe(*[(f"lower/{qos}", qos) for qos in EVERY_QOS])
    check.equal("SUBACK", codes, [0, 1, 2])
    for subscribed in EVERY_QOS:
        for qos in EVERY_QOS:
            sender.client.publish(f"lower/{subscribed}", b"x", qos)
            expected = [(f"lower/{subscribed}", b"x", min(qos, subscribed), False)]
            check.equal("message", await receiver.receive(), expected)


async def retained(check, peer):
    """Set, delivered later, cleared; live deliveries carry no flag."""
    live, sender = await peer().connect(), await peer().connect()
    for qos in EVERY_QOS:
        topic = f"retained/{qos}"
        await live.subscribe((topic, qos))
        for payload, expected in ((b"kept", [(topic, b"kept", qos, True)]), (b"", [])):
            sender.client.publish(topic, payload, qos, retain=True)
            check.equal("live", await live.receive(), [(topic, payload, qos, False)])
            later = await peer().connect()
            await later.subscribe((topic, 2))
            check.equal("later", await later.rest(), expected)


async def will(check, peer):
    """Published when the connection is cut, forgotten after DISCONNECT."""
    witness = await peer().connect()
    await witness.subscribe(("will/#", 2))
    for qos in EVERY_QOS:
        last_words = gmqtt.Message(f"will/{qos}", b"gone", qos=qos)
        await (await peer(will=last_words).connect()).leave()
        await (await peer(will=last_words).connect()).cut()
        check.equal("will", await witness.receive(), [(f"will/{qos}", b"gone", qos, False)])
    check.equal("rest", await witness.rest(), [])


async def session(check, peer):
    """Subscriptions and messages are kept for a client that asked for it, also when its connection was cut."""
    witness, sender = await peer().connect(), await peer().connect()
    for way in (Peer.leave, Peer.cut):
        name = f"session-{way.__name__}"
        first = await peer(name, clean=False).connect()
        check.equal("new session", (first.session_present, first.code), (0, 0))
        await first.subscribe((f"{name}/#", 2))
        await way(first)
        await witness.subscribe((f"{name}/#", 2))
        expected = [(f"{name}/{qos}", payload, qos, False) for qos in (1, 2) for payload in numbers(40)]
        for topic, payload, qos, _ in expected:
            sender.client.publish(topic, payload, qos)
            # gmqtt does not tell when a message is acknowledged, but who is online has it by then.
            await witness.receive()
        back = await peer(name, clean=False).connect()
        check.equal("session present", back.session_present, 1)
        check.equal("kept messages", sorted(await back.receive(80), key=lambda seen: seen[2]), expected)
        sender.client.publish(f"{name}/live", b"live", 1)
        check.equal("remembered subscription", await back.receive(), [(f"{name}/live", b"live", 1, False)])
        await witness.receive()
        await back.leave()


async def unsubscribe(check, peer):
    """UNSUBACK comes, and after it no message."""
    receiver = await peer().connect()
    await receiver.subscribe(("left/#", 1), ("kept", 1))
    check.equal("UNSUBACK", await receiver.unsubscribe("left/#"), [0] if receiver.five else [])
    check.equal("unknown filter", await receiver.unsubscribe("left/#"), [17] if receiver.five else [])
    receiver.client.publish("left/1", b"x", 1)
    receiver.client.publish("kept", b"y", 1)
    check.equal("rest", await receiver.rest(), [("kept", b"y", 1, False)])


async def message_properties(check, peer):
    """Every property of a message of MQTT 5.0 arrives, live and retained, the expiry counted down."""
    live = await peer().connect()
    for qos in EVERY_QOS:
        topic = f"properties/{qos}"
        await live.subscribe((topic, qos))
        live.client.publish(topic, b"{}", qos, retain=True, message_expiry_interval=3600, **PROPERTIES)
        live_message = await soon(live.messages.get())
        later = await peer().connect()
        await later.subscribe((topic, qos))
        for message, retain in ((live_message, False), (await soon(later.messages.get()), True)):
            check.equal("message", seen(message), (topic, b"{}", qos, retain))
            for name, value in PROPERTIES.items():
                got = message[3][name]
                check.equal(name, got if isinstance(value, list) else got[0], value)
            check.equal("expiry", 3500 <= message[3]["message_expiry_interval"][0] <= 3600, True)


async def subscription_options(check, peer):
    """No Local, Retain As Published and the three ways of Retain Handling of MQTT 5.0."""
    client, other = await peer().connect(), await peer().connect()
    await client.subscribe(("local", 1), no_local=True)
    client.client.publish("local", b"own", 1)
    check.equal("no local", await client.rest(), [])
    await client.subscribe(("flag", 1), retain_as_published=True)
    other.client.publish("flag", b"kept", 1, retain=True)
    check.equal("retain as published", await client.receive(), [("flag", b"kept", 1, True)])
    kept = [("flag", b"kept", 1, True)]
    for handling, first, again in ((0, kept, kept), (1, kept, []), (2, [], [])):
        fresh = await peer().connect()
        for time, expected in (("new", first), ("again", again)):
            await fresh.subscribe(("flag", 1), retain_handling_options=handling)
            check.equal(f"handling {handling}, {time}", await fresh.rest(), expected)


SCENARIOS = [
    payloads, order, lower_qos, retained, will, session, unsubscribe, message_properties, subscription_options,
]

if __name__ == "__main__":
    logging.disable()
    run(SCENARIOS, Peer)
