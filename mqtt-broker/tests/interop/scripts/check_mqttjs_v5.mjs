// Scenarios of MQTT.js for MQTT 5.0 alone; exit code 0 means that every check held.

import { message, run } from './mqttjs_peer.mjs';

const PROPERTIES = {
  payloadFormatIndicator: true,
  contentType: 'application/json',
  responseTopic: 'reply/here',
  correlationData: Buffer.from([0, 1, 254, 255]),
  userProperties: { b: ['1', '3'], a: '2' },
};

// Compares the properties of a message, its expiry counted down.
function check_properties(equal, { properties }) {
  for (const [name, value] of Object.entries(PROPERTIES)) {
    const got = name === 'userProperties' ? { ...properties[name] } : properties[name];
    equal(name, got, value);
  }
  const expiry = properties.messageExpiryInterval;
  equal('expiry', expiry >= 3500 && expiry <= 3600, true);
}

// Every property of a message arrives, live and retained.
async function message_properties(equal, peer) {
  const [live, sender] = [await peer(), await peer()];
  for (const qos of [0, 1, 2]) {
    const topic = `properties/${qos}`;
    await live.subscribe(topic, { qos });
    const properties = { messageExpiryInterval: 3600, ...PROPERTIES };
    await sender.publish(topic, '{}', { qos, retain: true, properties });
    const later = await peer();
    await later.subscribe(topic, { qos });
    for (const [receiver, retain] of [[live, false], [later, true]]) {
      const packet = await receiver.messages.take('message');
      equal('message', [packet.payload.toString(), packet.qos, packet.retain], ['{}', qos, retain]);
      check_properties(equal, packet);
    }
  }
}

// A will carries its properties; DISCONNECT with 0x04 publishes it.
async function will_properties(equal, peer) {
  const witness = await peer();
  await witness.subscribe('will', { qos: 1 });
  const properties = { messageExpiryInterval: 3600, ...PROPERTIES };
  const client = await peer({ will: { topic: 'will', payload: Buffer.from('{}'), qos: 1, properties } });
  await client.leave({ reasonCode: 0x04 });
  const packet = await witness.messages.take('will');
  equal('will', [packet.topic, packet.payload.toString(), packet.qos, packet.retain], ['will', '{}', 1, false]);
  check_properties(equal, packet);
}

// No Local, Retain As Published and the three ways of Retain Handling.
async function subscription_options(equal, peer) {
  const [client, other] = [await peer(), await peer()];
  await client.subscribe('local', { qos: 1, nl: true });
  await client.publish('local', 'own', { qos: 1 });
  await other.publish('local', 'other', { qos: 1 });
  equal('no local', await client.rest(), [message('local', 'other', 1)]);
  await client.subscribe('flag', { qos: 1, rap: true });
  await other.publish('flag', 'kept', { qos: 1, retain: true });
  const kept = [message('flag', 'kept', 1, true)];
  equal('retain as published', await client.receive(), kept);
  for (const [rh, first, again] of [[0, kept, kept], [1, kept, []], [2, [], []]]) {
    const fresh = await peer();
    await fresh.subscribe('flag', { qos: 1, rh });
    equal(`handling ${rh}, new`, await fresh.rest(), first);
    await fresh.subscribe('flag', { qos: 1, rh });
    equal(`handling ${rh}, again`, await fresh.rest(), again);
  }
}

// A subscription names itself in every message that it brings.
async function subscription_identifier(equal, peer) {
  const client = await peer();
  await client.subscribe('named/#', { qos: 1, properties: { subscriptionIdentifier: 268435455 } });
  await client.publish('named/1', 'x', { qos: 1 });
  const { properties } = await client.messages.take('message');
  equal('identifier', [properties.subscriptionIdentifier].flat(), [268435455]);
}

// Each message goes to one member of the group, and to everybody who subscribed alone.
async function shared(equal, peer) {
  const [one, two, alone, sender] = [await peer(), await peer(), await peer(), await peer()];
  const taken = [];
  const complete = new Promise((resolve) => {
    for (const member of [one, two]) {
      member.client.on('message', (_, payload) => {
        taken.push(Number(payload));
        if (taken.length === 50) resolve();
      });
    }
  });
  for (const member of [one, two]) {
    equal('SUBACK', await member.subscribe('$share/group/job', { qos: 1 }), [1]);
  }
  await alone.subscribe('job', { qos: 1 });
  const numbers = Array.from({ length: 50 }, (_, index) => index);
  for (const number of numbers) await sender.publish('job', String(number), { qos: 1 });
  equal('alone', await alone.receive(50), numbers.map((number) => message('job', String(number), 1)));
  await complete;
  equal('shared', taken.sort((a, b) => a - b), numbers);
}

// The client replaces topics by aliases on its own and understands those of the broker.
async function topic_alias(equal, peer) {
  const receiver = await peer({ properties: { topicAliasMaximum: 4 } });
  const sender = await peer({ autoAssignTopicAlias: true });
  const sent = [];
  sender.client.on('packetsend', (packet) => {
    if (packet.cmd === 'publish') sent.push([packet.topic, packet.properties?.topicAlias]);
  });
  equal('the broker takes aliases', sender.connack.properties.topicAliasMaximum > 0, true);
  await receiver.subscribe('alias/+', { qos: 1 });
  const expected = [];
  for (const payload of ['1', '2', '3']) {
    await sender.publish('alias/a', payload, { qos: 1 });
    expected.push(message('alias/a', payload, 1));
  }
  equal('sent', sent, [['alias/a', 1], ['', 1], ['', 1]]);
  equal('messages', await receiver.receive(3), expected);
}

// A client that takes one message at a time still gets all, in order.
async function receive_maximum(equal, peer) {
  const [client, sender] = [await peer({ properties: { receiveMaximum: 1 } }), await peer()];
  await client.subscribe('window', { qos: 2 });
  const numbers = Array.from({ length: 50 }, (_, index) => String(index));
  for (const number of numbers) await sender.publish('window', number, { qos: 2 });
  equal('messages', await client.receive(50), numbers.map((number) => message('window', number, 2)));
}

// A client without an id is given one of its own.
async function assigned_client_id(equal, peer) {
  const names = [];
  for (let index = 0; index < 2; index += 1) {
    const { connack } = await peer({ clientId: '', clean: true });
    names.push(connack.properties.assignedClientIdentifier);
  }
  equal('names', [typeof names[0], names[0].length > 0, names[0] !== names[1]], ['string', true, true]);
}

await run({
  message_properties, will_properties, subscription_options, subscription_identifier, shared, topic_alias,
  receive_maximum, assigned_client_id,
});
