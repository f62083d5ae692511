// Payload encryption with a shared AES-256 key, as mqtt-client's module `envelope` describes it, with the browser's own cryptography.
const MARK = 0xc1;
const AES = 0x02;
const encoder = new TextEncoder();

const cat = (...parts) => {
  const out = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  parts.reduce((at, part) => (out.set(part, at), at + part.length), 0);
  return out;
};
const number = (value, bytes) => {
  const view = new DataView(new ArrayBuffer(8));
  view.setBigUint64(0, BigInt(value));
  return new Uint8Array(view.buffer).slice(8 - bytes);
};
const text = (value) => cat(number(encoder.encode(value).length, 2), encoder.encode(value));
const fromHex = (hex) => Uint8Array.from(hex.match(/../g), (digits) => parseInt(digits, 16));
const toHex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

export const isEnvelope = (payload) => payload.length > 51 && payload[0] === MARK;

/** A key of 64 hexadecimal digits under an identifier: seals as a sender of its own, and opens each message once. */
export class Key {
  #secret;
  #sender = crypto.getRandomValues(new Uint8Array(16));
  #next = 0n;
  #ciphers = new Map();
  #seen = new Map();

  constructor(id, hex) {
    this.id = encoder.encode(id);
    this.#secret = crypto.subtle.importKey("raw", fromHex(hex), "HKDF", false, ["deriveKey"]);
  }

  /** Each sender has a key of its own, so numbers are never used twice as nonces, whatever restarts. */
  async #cipher(sender) {
    const name = toHex(sender);
    if (!this.#ciphers.has(name)) {
      const info = cat(encoder.encode("mqtt-envelope"), [AES]);
      const derive = { name: "HKDF", hash: "SHA-256", salt: sender, info };
      const usages = ["encrypt", "decrypt"];
      const derived = crypto.subtle.deriveKey(derive, await this.#secret, { name: "AES-GCM", length: 256 }, false, usages);
      if (this.#ciphers.size >= 1024) this.#ciphers.clear();
      this.#ciphers.set(name, derived);
    }
    return this.#ciphers.get(name);
  }

  async seal(topic, contentType, payload) {
    const count = number(this.#next++, 8);
    const header = cat([MARK, AES, this.id.length], this.id, number(Date.now(), 8), this.#sender, count);
    const parameters = { name: "AES-GCM", iv: cat(new Uint8Array(4), count), additionalData: cat(header, text(topic), text(contentType)) };
    return cat(header, new Uint8Array(await crypto.subtle.encrypt(parameters, await this.#cipher(this.#sender), payload)));
  }

  /** The payload. A retained message may come again, all others once: the last thousand are remembered. */
  async open(topic, contentType, retained, envelope) {
    if (!isEnvelope(envelope) || envelope[1] !== AES) throw new Error("not an envelope with an AES key");
    const end = 35 + envelope[2];
    if (toHex(envelope.slice(3, 3 + envelope[2])) !== toHex(this.id)) throw new Error("sealed with another key");
    const [header, sender, count] = [envelope.slice(0, end), envelope.slice(end - 24, end - 8), envelope.slice(end - 8, end)];
    const parameters = { name: "AES-GCM", iv: cat(new Uint8Array(4), count), additionalData: cat(header, text(topic), text(contentType)) };
    const cipher = await this.#cipher(sender);
    let payload;
    try {
      payload = new Uint8Array(await crypto.subtle.decrypt(parameters, cipher, envelope.slice(end)));
    } catch {
      throw new Error("changed, for another topic, or sealed with another key");
    }
    const id = toHex(cat(sender, count));
    if (this.#seen.has(id) && !retained) throw new Error("opened before");
    this.#seen.set(id, true);
    if (this.#seen.size > 1000) this.#seen.delete(this.#seen.keys().next().value);
    return payload;
  }
}
