// Logs in with the npm package xen-api, waits for its cache of objects, changes a name and waits for the event.
import { createRequire } from "node:module";
import { strict as assert } from "node:assert";

const [url, password, directory] = process.argv.slice(2);
const { createClient } = createRequire(`${directory}/`)("xen-api");

const refused = createClient({ url, auth: { user: "root", password: "wrong" }, watchEvents: false });
await assert.rejects(refused.connect(), (error) => error.code === "SESSION_AUTHENTICATION_FAILED");

// An event that never comes ends the run instead of waiting for ever.
setTimeout(() => {
  console.error("no event came");
  process.exit(1);
}, 60_000);

const xapi = createClient({ url, auth: { user: "root", password }, watchEvents: true });
await xapi.connect();
try {
  const hosts = await xapi.call("host.get_all_records");
  assert.deepEqual(Object.values(hosts).map((host) => host.uuid), ["11111111-1111-4111-8111-111111111111"]);
  await xapi.objectsFetched;
  const { pool } = xapi;
  assert.equal(pool.$type, "pool");
  assert.equal(pool.$master.uuid, "11111111-1111-4111-8111-111111111111");
  const name = "renamed by Node ☃";
  const seen = new Promise((resolve) => {
    const look = (objects) => {
      if (Object.values(objects).some((object) => object?.$type === "pool" && object.name_label === name)) {
        resolve();
      }
    };
    xapi.objects.on("update", look);
  });
  await xapi.call("pool.set_name_label", pool.$ref, name);
  await seen;
  assert.equal(xapi.pool.name_label, name);
  await assert.rejects(xapi.call("VM.get_record", "OpaqueRef:NULL"), (error) => error.code === "HANDLE_INVALID");
} finally {
  await xapi.disconnect();
}
console.log("done");
process.exit(0);
