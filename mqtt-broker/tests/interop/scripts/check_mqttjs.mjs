// Scenarios of MQTT.js for every version; exit code 0 means that every check held.

import { message, run } from './mqttjs_peer.mjs';

const EVERY_QOS = [0, 1, 2];
const PAYLOADS = [
  Buffer.alloc(0),
  Buffer.from(Array.from({ length: 256 }, (_, index) => index)),
  Buffer.from(Array.from({ length: 100_000 }, (_, index) => index % 251)),
  Buffer.from('grüße 日本 🦀'),
];

const numbers = (count) => Array.from({ length: count }, (_, index) => String(index));

// Empty, every byte, large and UTF-8 payloads at every QoS.
async function payloads(equal, peer) {
  const [receiver, sender] = [await peer(), await peer()];
  for (const qos of EVERY_QOS) {
    const topic = `payload/${qos}`;
    equal('SUBACK', await receiver.subscribe(topic, { qos }), [qos]);
    for (const payload of PAYLOADS) {
      await sender.publish(topic, payload, { qos });
      equal('message', await receiver.receive(), [message(topic, payload, qos)]);
    }
  }
  equal('rest', await receiver.rest(), []);
}

// Many messages, as many at once as the broker allows: MQTT.js itself does not look at the receive maximum.
async function order(equal, peer) {
  const [receiver, sender] = [await peer(), await peer()];
  const atOnce = sender.connack.properties?.receiveMaximum ?? 500;
  for (const qos of EVERY_QOS) {
    const topic = `order/${qos}`;
    await receiver.subscribe(topic, { qos });
    for (let start = 0; start < 500; start += atOnce) {
      const payloads = numbers(500).slice(start, start + atOnce);
      const sent = payloads.map((payload) => sender.publish(topic, payload, { qos }));
      const expected = payloads.map((payload) => message(topic, payload, qos));
      equal('messages', await receiver.receive(payloads.length), expected);
      await Promise.all(sent);
    }
  }
  equal('rest', await receiver.rest(), []);
}

// Each subscription of one SUBSCRIBE is granted and delivered with its own QoS.
async function lower_qos(equal, peer) {
  const [receiver, sender] = [await peer(), await peer()];
  const filters = Object.fromEntries(EVERY_QOS.map((qos) => [`lower/${qos}`, { qos }]));
  equal('SUBACK', await receiver.subscribe(filters), EVERY_QOS);
  for (const subscribed of EVERY_QOS) {
    for (const qos of EVERY_QOS) {
      await sender.publish(`lower/${subscribed}`, 'x', { qos });
      equal('message', await receiver.receive(), [message(`lower/${subscribed}`, 'x', Math.min(qos, subscribed))]);
    }
  }
}

// Set, replaced, delivered later, cleared; live deliveries carry no flag.
async function retained(equal, peer) {
  const [live, sender] = [await peer(), await peer()];
  for (const qos of EVERY_QOS) {
    const topic = `retained/${qos}`;
    await live.subscribe(topic, { qos });
    for (const payload of ['old', 'new', '']) {
      await sender.publish(topic, payload, { qos, retain: true });
      equal('live', await live.receive(), [message(topic, payload, qos)]);
      const later = await peer();
      await later.subscribe(topic, { qos: 2 });
      equal('later', await later.rest(), payload === '' ? [] : [message(topic, payload, qos, true)]);
    }
  }
}

// Published when the connection is cut, forgotten after DISCONNECT.
async function will(equal, peer) {
  const witness = await peer();
  await witness.subscribe('will/#', { qos: 2 });
  for (const qos of EVERY_QOS) {
    const topic = `will/${qos}`;
    const last = { topic, payload: Buffer.from('gone'), qos, retain: true };
    await (await peer({ will: last })).leave();
    await (await peer({ will: last })).cut();
    equal('will', await witness.receive(), [message(topic, 'gone', qos)]);
    const later = await peer();
    await later.subscribe(topic, { qos: 2 });
    equal('retained will', await later.rest(), [message(topic, 'gone', qos, true)]);
  }
  equal('rest', await witness.rest(), []);
}

// With clean false, subscriptions and messages are kept, also when the connection was cut.
async function session(equal, peer) {
  const sender = await peer();
  for (const way of ['leave', 'cut']) {
    const name = `session-${way}`;
    const kept = { clientId: name, clean: false, properties: { sessionExpiryInterval: 3600 } };
    const first = await peer(kept);
    equal('new session', first.connack.sessionPresent, false);
    await first.subscribe(`${name}/#`, { qos: 2 });
    await first[way]();
    const expected = [];
    for (const qos of [1, 2]) {
      for (const payload of numbers(40)) {
        await sender.publish(`${name}/${qos}`, payload, { qos });
        expected.push(message(`${name}/${qos}`, payload, qos));
      }
    }
    const back = await peer(kept);
    // MQTT 3.1 has no such flag.
    equal('session present', back.connack.sessionPresent, back.version !== '31');
    const received = await back.receive(expected.length);
    equal('kept messages', received.sort((a, b) => a[2] - b[2]), expected);
    await sender.publish(`${name}/live`, 'live', { qos: 1 });
    equal('remembered subscription', await back.receive(), [message(`${name}/live`, 'live', 1)]);
    await back.leave();
    const clean = await peer({ clientId: name });
    equal('clean', clean.connack.sessionPresent, false);
    await sender.publish(`${name}/1`, 'nobody listens', { qos: 1 });
    equal('discarded', await clean.rest(), []);
  }
}

// UNSUBACK comes, and after it no message.
async function unsubscribe(equal, peer) {
  const [receiver, sender] = [await peer(), await peer()];
  await receiver.subscribe(['left/#', 'kept'], { qos: 1 });
  const { cmd, granted } = await receiver.client.unsubscribeAsync('left/#');
  equal('UNSUBACK', [cmd, granted], ['unsuback', receiver.version === '5' ? [0] : undefined]);
  await sender.publish('left/1', 'x', { qos: 1 });
  await sender.publish('kept', 'y', { qos: 1 });
  equal('rest', await receiver.rest(), [message('kept', 'y', 1)]);
}

// With a reconnectPeriod the client comes back by itself and subscribes again.
async function reconnect(equal, peer) {
  const [client, sender] = [await peer({ reconnectPeriod: 10 }), await peer()];
  await client.subscribe('back/#', { qos: 1 });
  await client.subacks.take('SUBACK');
  await client.cut();
  const connack = await client.connacks.take('second CONNACK');
  equal('session present', connack.sessionPresent, false);
  await client.subacks.take('second SUBACK');
  await sender.publish('back/1', 'again', { qos: 1 });
  equal('message', await client.receive(), [message('back/1', 'again', 1)]);
}

// With a keepalive of one second each PINGREQ is answered, and the client stays connected.
async function keepalive(equal, peer) {
  const [client, sender] = [await peer({ keepalive: 1 }), await peer({ keepalive: 0 })];
  await client.subscribe('alive', { qos: 1 });
  for (const turn of ['first', 'second']) equal(turn, await client.pongs.take('PINGRESP'), 'pingresp');
  await sender.publish('alive', 'yes', { qos: 1 });
  equal('message', await client.receive(), [message('alive', 'yes', 1)]);
}

// The second client with an id ends the first; the will of the first is published.
async function take_over(equal, peer) {
  const witness = await peer();
  await witness.subscribe('gone', { qos: 1 });
  const first = await peer({ clientId: 'same', will: { topic: 'gone', payload: Buffer.from('first'), qos: 1 } });
  const second = await peer({ clientId: 'same' });
  equal('the first ends', await first.closes.take('close'), 'close');
  equal('reason of DISCONNECT', first.disconnects, first.version === '5' ? [0x8e] : []);
  equal('will', await witness.receive(), [message('gone', 'first', 1)]);
  await second.subscribe('second');
  await witness.publish('second', 'alive');
  equal('second', await second.receive(), [message('second', 'alive', 0)]);
}

// Right passwords are let in; wrong ones, unknown users and nobody at all get one answer.
async function credentials(equal, peer, refused) {
  for (const [username, password] of [['pbkdf2', 'open sesame'], ['sha512', 'Zürich:1']]) {
    const { connack, version } = await peer({ username, password });
    equal('right', version === '5' ? connack.reasonCode : connack.returnCode, 0);
    // Mosquitto says that they are not authorized
    const wrong = version === '5' ? [0x86, 0x87] : [4, 5];
    const answer = await refused({ username, password: `${password} ` });
    equal('wrong', wrong.includes(answer), true);
    equal('unknown', await refused({ username: 'nobody', password }), answer);
    equal('nobody', await refused({ username: undefined, password: undefined }), answer);
  }
}

await run({
  payloads, order, lower_qos, retained, will, session, unsubscribe, reconnect, keepalive, take_over, credentials,
});
