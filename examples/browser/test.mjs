// The page in a headless browser against the real broker. MQTT_BROKER is the broker's program, CHROMIUM the browser's; SHOTS a directory
// for screenshots.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import mqtt from "mqtt";
import { chromium } from "playwright-core";

import { Key } from "./envelope.js";

const here = fileURLToPath(new URL(".", import.meta.url));
const program = process.env.MQTT_BROKER ?? join(here, "../../target/release/mqtt-broker");
const scratch = mkdtempSync(join(tmpdir(), "mqtt-browser-"));
const children = new Set();
let browser, page, origin, broker;

/** Starts a program; its first line that matches, and how to end it. */
async function start(command, args, pattern) {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"] });
  children.add(child);
  for await (const line of createInterface(child.stdout)) {
    const found = pattern.exec(line);
    if (found) return { found, end: () => end(child) };
  }
  throw new Error(`${command} ended`);
}

function end(child) {
  const ended = new Promise((resolve) => child.once("exit", resolve));
  children.delete(child);
  child.kill();
  return ended;
}

const startBroker = (port) =>
  start(program, ["--data", join(scratch, "data"), "--listen", `ws://127.0.0.1:${port}`], /ws:\/\/127\.0\.0\.1:(\d+)/);

async function open() {
  const opened = await browser.newPage({ viewport: { width: 375, height: 812 }, ignoreHTTPSErrors: true });
  await opened.goto(origin);
  return opened;
}

async function connect(opened, fields) {
  await opened.locator("details").evaluate((details) => (details.open = true));
  for (const [name, value] of Object.entries(fields)) {
    const field = opened.locator(`#connection [name=${name}]`);
    const kind = await field.evaluate((element) => element.type);
    if (kind === "checkbox") await field.setChecked(value);
    else if (kind === "select-one") await field.selectOption(value);
    else await field.fill(String(value));
  }
  await opened.locator("details").evaluate((details) => (details.open = false));
  await opened.click("#connect");
  await state(opened, "open");
}

const state = (opened, wanted) => opened.waitForSelector(`#status[data-state=${wanted}]`);
const message = (opened, text) => opened.locator("#messages li", { hasText: text }).first().waitFor();

async function subscribe(opened, filter) {
  await opened.fill("#subscription [name=filter]", filter);
  await opened.click("#subscription .buttons button");
  await opened.locator(`#subscriptions li[data-filter="${filter}"]`).waitFor();
}

async function publish(opened, topic, payload, marks = {}) {
  await opened.fill("#publication [name=topic]", topic);
  await opened.fill("#publication [name=payload]", payload);
  for (const name of ["retain", "encrypt"]) await opened.setChecked(`#publication [name=${name}]`, marks[name] ?? false);
  await opened.click("#publication .buttons button");
  await opened.locator("#published", { hasText: `published to ${topic}` }).waitFor();
}

async function shoot(opened, name) {
  if (!process.env.SHOTS) return;
  for (const [width, height] of [[375, 812], [1280, 800]]) {
    await opened.setViewportSize({ width, height });
    const wide = await opened.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(wide <= width, `the page is ${wide} pixels wide on a screen of ${width}`);
    await opened.screenshot({ path: join(process.env.SHOTS, `${name}-${width}.png`), fullPage: true });
  }
}

before(async () => {
  broker = await startBroker(0);
  origin = (await start("node", [join(here, "serve.mjs"), "0"], /(http:\S+)/)).found[1];
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
  page = await open();
});

after(async () => {
  await browser?.close();
  await Promise.all([...children].map(end));
  rmSync(scratch, { recursive: true, force: true });
});

test("what is published comes to those whose wildcards match", async () => {
  await connect(page, { port: broker.found[1] });
  await subscribe(page, "room/+/temperature");
  await publish(page, "room/1/temperature", "20.5");
  await publish(page, "room/1/door", "open");
  await publish(page, "room/2/temperature", "19");
  await message(page, "19");
  assert.deepEqual(await page.locator("#messages .topic").allTextContents(), ["room/2/temperature", "room/1/temperature"]);
  await page.click("#subscriptions button");
  await page.waitForSelector("#subscriptions li", { state: "detached" });
});

test("a retained message waits for who comes later, with every version of the protocol", async () => {
  await publish(page, "room/3/temperature", "retained 21", { retain: true });
  for (const version of ["3", "4", "5"]) {
    const later = await open();
    await connect(later, { port: broker.found[1], version });
    await subscribe(later, "room/#");
    await message(later, "retained 21");
    assert.equal(await later.locator("#messages .tag.marked").textContent(), "retained");
    if (version === "5") await shoot(later, "page");
    await later.close();
  }
});

test("a page that is gone without a word has its will published", async () => {
  await subscribe(page, "wills/#");
  const doomed = await open();
  await connect(doomed, { port: broker.found[1], willTopic: "wills/page", willPayload: "it is gone", willQos: "1" });
  await doomed.close();
  await message(page, "it is gone");
});

test("what is encrypted is read with the key alone, and once", async () => {
  const vectors = readFileSync(join(here, "../../mqtt-client/tests/envelope_vectors.txt"), "utf8").split("\n\n");
  const fields = (vector) => Object.fromEntries(vector.split("\n").map((line) => line.split(" = ")));
  const vector = vectors.map(fields).find((vector) => vector.kind === "02" && vector["content type"]);
  const sealed = Buffer.from(vector.envelope, "hex");
  const payload = await new Key(vector.key, vector.secret).open(vector.topic, vector["content type"], false, sealed);
  assert.equal(Buffer.from(payload).toString("hex"), vector.payload);

  const reader = await open();
  await connect(reader, { port: broker.found[1], keyId: vector.key, key: vector.secret });
  await subscribe(reader, "house/#");
  const others = await mqtt.connectAsync(`ws://127.0.0.1:${broker.found[1]}/mqtt`, { protocolVersion: 5 });
  const send = (contentType) => others.publishAsync(vector.topic, sealed, { qos: 1, properties: { contentType } });
  await send(vector["content type"]);
  await message(reader, '{"open":true}');
  await send(vector["content type"]);
  await message(reader, "opened before");
  await send("text/plain");
  await message(reader, "changed");
  await publish(reader, "house/own", "from the page", { encrypt: true });
  await message(reader, "from the page");
  const stranger = await open();
  await connect(stranger, { port: broker.found[1] });
  await subscribe(stranger, "house/#");
  await publish(reader, "house/own", "not for all", { encrypt: true });
  await message(stranger, "there is no key");
  assert.equal(await stranger.locator("#messages li", { hasText: "not for all" }).count(), 0);
  await shoot(reader, "encrypted");
  await others.endAsync();
  await Promise.all([reader.close(), stranger.close()]);
});

test("the page comes back when the broker does, with its subscriptions", async () => {
  const port = broker.found[1];
  await subscribe(page, "back/#");
  await broker.end();
  await state(page, "failed");
  broker = await startBroker(port);
  await state(page, "open");
  await publish(page, "back/again", "and here we are");
  await message(page, "and here we are");
  await page.click("#disconnect");
  await state(page, "closed");
});

test("over TLS, and with a broker that is not there", async () => {
  const [certificate, key] = ["certificate.pem", "key.pem"].map((name) => join(scratch, name));
  const request = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"];
  execFileSync("openssl", [...request, "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate], { stdio: "ignore" });
  const args = ["--memory", "--listen", "wss://127.0.0.1:0", "--certificate", certificate, "--key", key];
  const secure = await start(program, args, /wss:\/\/127\.0\.0\.1:(\d+)/);
  const opened = await open();
  await connect(opened, { protocol: "wss", host: "localhost", port: secure.found[1] });
  await subscribe(opened, "tls");
  await publish(opened, "tls", "in secret");
  await message(opened, "in secret");
  await opened.click("#disconnect");
  await secure.end();
  await opened.click("#connect");
  await state(opened, "failed");
  await opened.close();
});
