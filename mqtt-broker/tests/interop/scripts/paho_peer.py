"""A paho-mqtt client whose callbacks fill queues."""

import os
import queue
import socket
import sys

from checks import PATIENCE

try:
    from paho.mqtt import client as mqtt
    from paho.mqtt.packettypes import PacketTypes
    from paho.mqtt.properties import Properties
    from paho.mqtt.reasoncodes import ReasonCode
    from paho.mqtt.subscribeoptions import SubscribeOptions
except ImportError:
    sys.exit("this Python has no paho-mqtt: run .ci/interop-setup")

TRANSPORT = os.environ.get("MQTT_INTEROP_TRANSPORT", "tcp")
PROTOCOLS = {"31": mqtt.MQTTv31, "311": mqtt.MQTTv311, "5": mqtt.MQTTv5}


class Peer:
    """A connected client whose callbacks fill queues."""

    def __init__(self, options, name="", clean=True, will=None, login=("user", "word"), **connect):
        self.options = options
        self.messages = queue.Queue()
        self.answers = queue.Queue()
        self.ends = queue.Queue()
        keep = {} if options.version == "5" else {"clean_session": clean}
        self.client = client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2, name, protocol=PROTOCOLS[options.version],
            transport="websockets" if TRANSPORT in ("ws", "wss") else "tcp", reconnect_on_failure=False, **keep
        )
        if TRANSPORT in ("tls", "wss"):
            own = {"certfile": os.environ.get("MQTT_INTEROP_CERTIFICATE"), "keyfile": os.environ.get("MQTT_INTEROP_KEY")}
            client.tls_set(ca_certs=os.environ["MQTT_INTEROP_CA"], **own)
        client.on_connect = lambda _c, _u, flags, code, properties: self.answers.put((flags, code, properties))
        client.on_subscribe = client.on_unsubscribe = lambda _c, _u, _mid, codes, _p: self.answers.put(codes)
        client.on_publish = lambda _c, _u, _mid, code, _p: self.answers.put(code)
        client.on_message = lambda _c, _u, message: self.messages.put(message)
        client.on_disconnect = self.end
        if login:
            client.username_pw_set(*login)
        if will:
            client.will_set(**will)
        more = {}
        if options.version == "5":
            more = {"clean_start": clean, "properties": properties(PacketTypes.CONNECT, **connect)}
            if not clean:
                more["properties"].SessionExpiryInterval = 3600
        self.flags = None
        client.connect("127.0.0.1", options.port, keepalive=60, **more)
        client.loop_start()
        self.flags, self.code, self.properties = self.answers.get(timeout=PATIENCE)

    def end(self, _client, _user, flags, code, _properties):
        self.ends.put((flags, code))
        if self.flags is None:
            # whoever waits for CONNACK shall not wait for what cannot come
            self.answers.put((flags, code, None))

    def subscribe(self, *filters, **options):
        """Subscribes to (filter, QoS) pairs and returns the reason codes."""
        if self.options.version == "5":
            filters = [(name, SubscribeOptions(qos, **options)) for name, qos in filters]
        self.client.subscribe(list(filters))
        return [code.value for code in self.answers.get(timeout=PATIENCE)]

    def unsubscribe(self, name):
        self.client.unsubscribe(name)
        return [code.value for code in self.answers.get(timeout=PATIENCE)]

    def publish(self, topic, payload, qos=0, retain=False, **wanted):
        """Publishes and waits for the acknowledgement; returns its reason code."""
        more = {"properties": properties(PacketTypes.PUBLISH, **wanted)} if wanted else {}
        self.client.publish(topic, payload, qos, retain, **more)
        return self.answers.get(timeout=PATIENCE).value

    def receive(self, count=1):
        """The next messages as (topic, payload, QoS, RETAIN)."""
        return [seen(self.messages.get(timeout=PATIENCE)) for _ in range(count)]

    def rest(self):
        """All messages that come before one published now: what the broker still had for this client."""
        self.subscribe(("the/end", 2))
        Peer(self.options).publish("the/end", b"", 2)
        messages = []
        while (message := self.messages.get(timeout=PATIENCE)).topic != "the/end":
            messages.append(seen(message))
        return messages

    def leave(self):
        self.client.disconnect()
        self.ends.get(timeout=PATIENCE)

    def cut(self):
        """Ends the network connection without DISCONNECT."""
        connection = self.client.socket()
        # paho's own WebSocket cannot be shut down, what is under it can
        getattr(connection, "_socket", connection).shutdown(socket.SHUT_RDWR)
        self.ends.get(timeout=PATIENCE)


def properties(packet, **values):
    result = Properties(packet)
    for name, value in values.items():
        setattr(result, name, value)
    return result


def seen(message):
    return message.topic, message.payload, message.qos, bool(message.retain)
