// An MQTT.js client whose events fill queues, and the comparing with a count.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { isDeepStrictEqual, inspect } from 'node:util';

const require = createRequire(`${process.env.MQTT_INTEROP_NODE}/`);
let mqtt;
try {
  mqtt = require('mqtt');
} catch (error) {
  console.error(`MQTT.js is not in ${process.env.MQTT_INTEROP_NODE}: run .ci/interop-setup\n${error.message}`);
  process.exit(1);
}

// Milliseconds after which something that should have come will not come any more.
const PATIENCE = 20_000;

// How the broker is reached.
const ADDRESSES = {
  tcp: (port) => `mqtt://127.0.0.1:${port}`,
  tls: (port) => `mqtts://127.0.0.1:${port}`,
  ws: (port) => `ws://127.0.0.1:${port}/mqtt`,
  wss: (port) => `wss://127.0.0.1:${port}/mqtt`,
};
const { MQTT_INTEROP_TRANSPORT: transport = 'tcp', MQTT_INTEROP_CA: authority } = process.env;
const { MQTT_INTEROP_CERTIFICATE: certificate, MQTT_INTEROP_KEY: key } = process.env;

// The name of the protocol changed after 3.1.
const PROTOCOLS = {
  31: { protocolVersion: 3, protocolId: 'MQIsdp' },
  311: { protocolVersion: 4 },
  5: { protocolVersion: 5 },
};

// Values that wait for a taker, or takers that wait for a value.
class Queue {
  #values = [];
  #takers = [];

  put(value) {
    const taker = this.#takers.shift();
    if (taker) taker(value);
    else this.#values.push(value);
  }

  take(what) {
    if (this.#values.length > 0) return Promise.resolve(this.#values.shift());
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no ${what} came`)), PATIENCE);
      this.#takers.push((value) => {
        clearTimeout(timer);
        resolve(value);
      });
    });
  }
}

export class Peer {
  connacks = new Queue();
  messages = new Queue();
  closes = new Queue();
  // Codes of CONNACK packets that refuse, and names of alerts.
  refusals = new Queue();
  pongs = new Queue();
  subacks = new Queue();
  // Reason codes of the DISCONNECT packets that the broker sent.
  disconnects = [];

  constructor({ port, version }, options) {
    this.version = version;
    this.options = { port, version };
    this.client = mqtt.connect(ADDRESSES[transport](port), {
      ...PROTOCOLS[version],
      ...(authority && { ca: readFileSync(authority) }),
      ...(certificate && { cert: readFileSync(certificate), key: readFileSync(key) }),
      clean: true,
      keepalive: 60,
      reconnectPeriod: 0,
      connectTimeout: PATIENCE,
      username: 'user',
      password: 'word',
      ...options,
    });
    this.client.on('connect', (packet) => this.connacks.put(packet));
    this.client.on('message', (topic, payload, packet) => this.messages.put(packet));
    this.client.on('disconnect', ({ reasonCode }) => this.disconnects.push(reasonCode));
    this.client.on('close', () => this.closes.put('close'));
    this.client.on('error', (error) => {
      if (typeof error.code === 'number' || error.code?.startsWith('ERR_SSL')) return this.refusals.put(error.code);
      if (error.code !== 'ECONNRESET') throw error;
    });
    this.client.on('packetreceive', ({ cmd }) => {
      if (cmd === 'pingresp') this.pongs.put(cmd);
      if (cmd === 'suback') this.subacks.put(cmd);
    });
  }

  // A client whose CONNACK has come, in `connack`.
  static async connect(options, more = {}) {
    const peer = new Peer(options, more);
    peer.connack = await peer.connacks.take('CONNACK');
    return peer;
  }

  // The code by which a client is refused.
  static refused(options, more) {
    return new Peer(options, more).refusals.take('refusal');
  }

  // The granted QoS of each filter.
  async subscribe(filters, options = { qos: 0 }) {
    const granted = await this.client.subscribeAsync(filters, options);
    return granted.map(({ qos }) => qos);
  }

  // Waits for the acknowledgement that the QoS asks for.
  publish(topic, payload, options = {}) {
    return this.client.publishAsync(topic, payload, options);
  }

  async receive(count = 1) {
    const messages = [];
    while (messages.length < count) messages.push(seen(await this.messages.take('message')));
    return messages;
  }

  // All messages that come before one published now: what the broker still had for this client.
  async rest() {
    await this.subscribe('the/end', { qos: 2 });
    const sender = await Peer.connect(this.options);
    await sender.publish('the/end', '', { qos: 2 });
    const messages = [];
    for (;;) {
      const packet = await this.messages.take('last message');
      if (packet.topic === 'the/end') return messages;
      messages.push(seen(packet));
    }
  }

  leave(options = {}) {
    return this.client.endAsync(false, options);
  }

  // Ends the network connection without DISCONNECT.
  async cut() {
    this.client.stream.destroy();
    await this.closes.take('close');
  }
}

// A message as [topic, payload in hexadecimal digits, QoS, RETAIN].
export function message(topic, payload, qos, retain = false) {
  return [topic, Buffer.from(payload).toString('hex'), qos, retain];
}

function seen({ topic, payload, qos, retain }) {
  return message(topic, payload, qos, retain);
}

// Runs the scenario that the command line names: --port PORT --version 31|311|5 SCENARIO.
export async function run(scenarios) {
  const [, , , port, , version, name] = process.argv;
  let count = 0;
  const equal = (what, got, expected) => {
    count += 1;
    if (isDeepStrictEqual(got, expected)) return;
    throw new Error(`${what}: got ${shown(got)}, expected ${shown(expected)}`);
  };
  await scenarios[name](equal, (options) => Peer.connect({ port, version }, options), (options) => Peer.refused({ port, version }, options));
  if (count === 0) throw new Error('nothing was checked');
  console.log(`passed ${count} checks`);
  process.exit(0);
}

function shown(value) {
  return inspect(value, { depth: 6, maxStringLength: 200, maxArrayLength: 20 });
}
