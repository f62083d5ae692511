// Serves the page and MQTT.js to browsers: `node serve.mjs [PORT]`, with PORT 0 for one that the system chooses.
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";

const types = { html: "text/html; charset=utf-8", css: "text/css", js: "text/javascript" };
// nothing else is given out
const files = {
  "/": "index.html",
  "/style.css": "style.css",
  "/app.js": "app.js",
  "/envelope.js": "envelope.js",
  "/mqtt.js": "node_modules/mqtt/dist/mqtt.esm.js",
};

const server = createServer(async (request, response) => {
  const file = files[new URL(request.url, "http://page").pathname];
  try {
    const body = await readFile(new URL(file ?? "", import.meta.url));
    response.writeHead(200, { "content-type": types[file.split(".").pop()] }).end(body);
  } catch {
    response.writeHead(404).end(file ? "run `npm install` first" : "there is nothing here");
  }
});
server.listen(Number(process.argv[2] ?? 8000), "127.0.0.1", () => {
  console.log(`open http://127.0.0.1:${server.address().port}/`);
});
server.on("error", (error) => {
  console.error(`cannot serve: ${error.message}; give another port: node serve.mjs 8001`);
  process.exit(1);
});
