// MQTT.js with a certificate, a wrong one or none; exit code 0 means that every check held.

import { message, run } from './mqttjs_peer.mjs';

const WITHOUT_NAME = { username: undefined, password: undefined };

// Who has a good certificate comes in without a user name, and its messages come and go.
async function own(equal, peer) {
  const [receiver, sender] = [await peer(WITHOUT_NAME), await peer(WITHOUT_NAME)];
  for (const qos of [0, 1, 2]) {
    equal('SUBACK', await receiver.subscribe(`own/${qos}`, { qos }), [qos]);
    for (const payload of ['', 'grüße 日本 🦀', 'x'.repeat(100_000)]) {
      await sender.publish(`own/${qos}`, payload, { qos });
      equal('message', await receiver.receive(), [message(`own/${qos}`, payload, qos)]);
    }
  }
}

// The connection ends by an alert, before there is a CONNACK.
async function refused(equal, _peer, refusal) {
  const code = await refusal(WITHOUT_NAME);
  equal('an alert', String(code).startsWith('ERR_SSL'), true);
}

await run({ own, refused });
