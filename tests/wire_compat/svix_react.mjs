// svix-react mounted for real: every hook reads, then every function that the hooks give is called.
// One line of JSON out: what each hook came to, and every request that went out.
import { createElement } from "react";
import renderer from "react-test-renderer";
import * as svixReact from "svix-react";

const { serverUrl, token, appId, endpointId, msgId, attempt, url } = JSON.parse(process.argv[2]);

const requests = [];
let open = 0;
const browserFetch = globalThis.fetch;
globalThis.fetch = async (to, init) => {
  requests.push({ method: init.method, path: new URL(to).pathname, headers: Object.keys(init.headers), body: init.body });
  open += 1;
  try {
    return await browserFetch(to, { ...init, headers: { ...init.headers, origin: "https://app.example" } });
  } finally {
    open -= 1;
  }
};

const given = {
  useAttemptFunctions: [attempt],
  useEndpoints: [{ limit: 1 }],
  useEventTypes: [],
  useMessages: [{ withContent: true }],
  useMessage: [msgId],
  useMessageAttempts: [msgId],
  useMessageEndpoints: [msgId],
  useNewEndpoint: [],
  useSvix: [],
};
const hooks = Object.keys(svixReact).filter((name) => name.startsWith("use"));
let now = {};
function Everything() {
  now = Object.fromEntries(hooks.map((name) => [name, svixReact[name](...(given[name] ?? [endpointId]))]));
  return null;
}

const options = { serverUrl, retryScheduleInMs: [] };
renderer.create(
  createElement(svixReact.SvixProvider, { token, appId, options }, createElement(Everything)),
);

// A render or an answer may start the next one: quiet is when nothing has happened for a while.
async function quiet() {
  for (let calm = 0; calm < 5; calm += 1) {
    const before = requests.length;
    await new Promise((resolve) => setTimeout(resolve, 10));
    const busy = Object.values(now).some((one) => one?.loading);
    if (open || busy || !requests.length || requests.length !== before) calm = -1;
  }
}
await quiet();
const read = Object.fromEntries(
  hooks.filter((name) => "loading" in (now[name] ?? {})).map((name) => {
    const { data, error } = now[name];
    return [name, { data, error: error && { status: error.code, body: error.body, text: String(error) } }];
  }),
);

const did = {};
async function run(name, call) {
  try {
    did[name] = { ok: (await call()) ?? null };
  } catch (error) {
    did[name] = { error: { status: error.code, body: error.body, text: String(error) } };
  }
  await quiet();
}
now.useNewEndpoint.url.setValue(url);
await quiet();
await run("createEndpoint", async () => {
  const { endpoint, error } = await now.useNewEndpoint.createEndpoint();
  if (error) throw error;
  return endpoint;
});
await run("nextPage", () => now.useEndpoints.nextPage());
await run("updateEndpoint", () => now.useEndpointFunctions.updateEndpoint({ url, description: "d" }));
await run("updateEndpointHeaders", () => now.useEndpointHeaders.updateEndpointHeaders({ headers: { "x-a": "1" } }));
await run("patchEndpointHeaders", () => now.useEndpointHeaders.patchEndpointHeaders({ headers: { "x-b": "2" } }));
await run("rotateSecret", () => now.useEndpointSecret.rotateSecret({}));
await run("resendAttempt", () => now.useAttemptFunctions.resendAttempt());
const since = new Date(Date.now() - 3_600_000);
await run("recoverEndpointMessages", () => now.useEndpointFunctions.recoverEndpointMessages({ since }));
await run("deleteEndpoint", () => now.useEndpointFunctions.deleteEndpoint());

process.stdout.write(`${JSON.stringify({ read, did, requests })}\n`, () => process.exit(0));
