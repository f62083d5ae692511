// The page: what is entered becomes options of MQTT.js, what comes becomes a list.
import mqtt from "./mqtt.js";
import { Key, isEnvelope } from "./envelope.js";

/** Messages that the list keeps. */
const SHOWN = 200;
const $ = (id) => document.getElementById(id);
const decoder = new TextDecoder();
let client;
let key;

function show(state, text) {
  $("status").dataset.state = state;
  $("status").textContent = text;
  $("connect").disabled = client !== undefined;
  $("disconnect").disabled = client === undefined;
}

function options(form) {
  const value = (name) => form.elements[name].value;
  const version = Number(value("version"));
  const will = value("willTopic") && {
    topic: value("willTopic"),
    payload: value("willPayload"),
    qos: Number(value("willQos")),
    retain: form.elements.willRetain.checked,
    ...(version === 5 && { properties: { willDelayInterval: Number(value("willDelay")) } }),
  };
  return {
    protocolVersion: version,
    ...(version === 3 && { protocolId: "MQIsdp" }),
    clientId: value("clientId") || `page-${Math.random().toString(16).slice(2, 10)}`,
    username: value("username") || undefined,
    password: value("password") || undefined,
    keepalive: Number(value("keepalive")),
    clean: form.elements.clean.checked,
    reconnectPeriod: Number(value("reconnectPeriod")),
    connectTimeout: Number(value("connectTimeout")),
    ...(version === 5 && { properties: { sessionExpiryInterval: Number(value("sessionExpiry")) } }),
    ...(will && { will }),
  };
}

$("connection").addEventListener("submit", (event) => {
  event.preventDefault();
  const form = event.target;
  const { protocol, host, port, path, keyId, key: secret } = Object.fromEntries(new FormData(form));
  const url = `${protocol}://${host}:${port}${path}`;
  try {
    key = keyId && secret ? new Key(keyId, secret) : undefined;
    client = mqtt.connect(url, options(form));
  } catch (error) {
    client = undefined;
    return show("failed", error.message);
  }
  show("opening", `connecting to ${url}`);
  let problem;
  client.on("connect", (connack) => {
    problem = undefined;
    show("open", `connected to ${url}${connack.sessionPresent ? ", the session was there" : ""}`);
  });
  client.on("reconnect", () => show("failed", `${problem ?? "the connection was lost"}; trying again`));
  client.on("error", (error) => {
    problem = error.message;
    show("failed", error.message);
  });
  client.on("close", () => client && show("failed", problem ?? "the connection was lost"));
  client.on("disconnect", (packet) => (problem = `ended by the server, reason ${packet.reasonCode}`));
  client.on("message", receive);
});

$("disconnect").addEventListener("click", () => {
  const ending = client;
  client = undefined;
  ending.end(false, () => show("closed", "not connected"));
  $("subscriptions").replaceChildren();
});

$("subscription").addEventListener("submit", async (event) => {
  event.preventDefault();
  const { filter, qos } = Object.fromEntries(new FormData(event.target));
  try {
    if (!client) throw new Error("connect first");
    const [granted] = await client.subscribeAsync(filter, { qos: Number(qos) });
    if (granted && granted.qos >= 128) throw new Error(`the server refused it, reason ${granted.qos}`);
    list(filter, granted?.qos ?? qos);
  } catch (error) {
    show(client?.connected ? "open" : "failed", `${filter}: ${error.message}`);
  }
});

function list(filter, qos) {
  const known = [...$("subscriptions").children].find((item) => item.dataset.filter === filter);
  const item = element("li");
  item.dataset.filter = filter;
  const button = element("button", "quiet", "Unsubscribe");
  button.type = "button";
  button.addEventListener("click", async () => {
    await client?.unsubscribeAsync(filter);
    item.remove();
  });
  item.append(element("span", "topic", filter), element("span", "tag", `QoS ${qos}`), button);
  if (known) known.replaceWith(item);
  else $("subscriptions").append(item);
}

$("publication").addEventListener("submit", async (event) => {
  event.preventDefault();
  const { topic, qos, payload, retain, encrypt } = Object.fromEntries(new FormData(event.target));
  try {
    if (!client) throw new Error("connect first");
    if (encrypt && !key) throw new Error("enter a key and its identifier, then connect");
    const body = encrypt ? await key.seal(topic, "", new TextEncoder().encode(payload)) : payload;
    await client.publishAsync(topic, body, { qos: Number(qos), retain: retain === "on" });
    said("", `published to ${topic}`);
  } catch (error) {
    said("failed", error.message);
  }
});

function said(state, text) {
  $("published").dataset.state = state;
  $("published").textContent = text;
}

async function receive(topic, payload, packet) {
  const item = element("li");
  const about = element("div", "about");
  about.append(element("span", "topic", topic), element("span", "tag", `QoS ${packet.qos}`));
  if (packet.retain) about.append(element("span", "tag marked", "retained"));
  item.append(about);
  // in its place before it is opened: messages stay in their order
  $("messages").prepend(item);
  while ($("messages").children.length > SHOWN) $("messages").lastChild.remove();
  let shown = decoder.decode(payload);
  if (isEnvelope(payload)) {
    try {
      if (!key) throw new Error("encrypted, and there is no key");
      const opened = await key.open(topic, packet.properties?.contentType ?? "", packet.retain, new Uint8Array(payload));
      shown = decoder.decode(opened);
      about.append(element("span", "tag marked", "decrypted"));
    } catch (error) {
      shown = `${payload.length} bytes`;
      about.append(element("span", "tag bad", error.message));
    }
  }
  item.append(element("pre", "payload", shown));
}

$("clear").addEventListener("click", () => $("messages").replaceChildren());

function element(name, classes = "", text = "") {
  const made = document.createElement(name);
  made.className = classes;
  made.textContent = text;
  return made;
}
