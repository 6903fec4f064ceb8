// A real AT Protocol network on 127.0.0.1, of the parts that Bluesky's own developers test with: a
// directory of accounts (PLC), a server that keeps accounts and their records (PDS), and the
// application that shows posts (AppView).
//
//     node network.mjs FOLDER_WITH_NODE_MODULES OPTIONS
//
// OPTIONS is JSON: `data` (a folder), `postgres` (a URL), `ports` of plc, pds, appview and control.
// `GET /settled` at the control port answers once the AppView has read all that the PDS wrote.
// Ends on SIGTERM.

import { mkdir } from "node:fs/promises";
import { createServer, Server } from "node:http";
import { createRequire } from "node:module";
import net from "node:net";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const HOST = "127.0.0.1";
const [folder, options] = process.argv.slice(2);
const { data, postgres, ports } = JSON.parse(options);

// The parts would listen on every address of the machine.
const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (port, ...rest) {
  return typeof port === "number" || typeof port === "string"
    ? listen.call(this, Number(port), HOST, ...rest.filter((each) => typeof each === "function"))
    : listen.call(this, port, ...rest);
};

const require = createRequire(path.join(folder, "package.json"));
const { TestPlc } = require("@atproto/dev-env/dist/plc.js");
const { TestPds } = require("@atproto/dev-env/dist/pds.js");
const { TestBsky } = require("@atproto/dev-env/dist/bsky.js");
const { mockNetworkUtilities } = require("@atproto/dev-env/dist/util.js");

const plc = await TestPlc.create({ port: ports.plc });
const appview = await TestBsky.create({
  port: ports.appview,
  plcUrl: plc.url,
  pdsPort: ports.pds,
  repoProvider: `ws://${HOST}:${ports.pds}`,
  dbPostgresUrl: postgres,
  dbPostgresSchema: "appview",
});
await mkdir(path.join(data, "pds"), { recursive: true });
const pds = await TestPds.create({
  port: ports.pds,
  didPlcUrl: plc.url,
  bskyAppViewUrl: appview.url,
  bskyAppViewDid: appview.serverDid,
  dataDirectory: path.join(data, "pds"),
  blobstoreDiskLocation: path.join(data, "blobs"),
});
mockNetworkUtilities(pds, appview);

async function settle() {
  await pds.processAll();
  const written = await pds.ctx.sequencer.curr();
  while (written && ((await appview.sub.runner.getCursor()) ?? 0) < written) {
    await appview.sub.processAll();
    await sleep(5);
  }
  await appview.sub.processAll();
}

createServer(async (request, response) => {
  await settle();
  response.end();
}).listen(ports.control);

process.on("SIGTERM", () => process.exit(0));
