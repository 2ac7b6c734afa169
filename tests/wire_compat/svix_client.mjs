// npm svix, the version whose package is named, asked one line of JSON at a time; see svix_client.py.
import { createInterface } from "node:readline";

const [serverUrl, token, name] = process.argv.slice(2);
const { Svix } = await import(name);

const snake = (text) => text.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
const pascal = (text) => text[0].toUpperCase() + text.slice(1);

// Every method of every group of calls, nested ones too.
function* operations(group, prefix = "") {
  const members = Object.getOwnPropertyDescriptors(Object.getPrototypeOf(group));
  for (const [member, { value, get }] of Object.entries(members).sort()) {
    if (get) yield* operations(group[member], `${prefix}${snake(member)}.`);
    else if (prefix && member !== "constructor") {
      // What it must be given: the names before `options`, which no operation needs.
      const params = value.toString().match(/\(([^)]*)\)/)[1].split(",").map((one) => one.split("=")[0].trim());
      yield [prefix + snake(member), group, member, params.filter((one) => one && one !== "options")];
    }
  }
}

const isBody = (param) => /(In|In2|Patch|Update|Raw)$/.test(param);

async function described([operation, group, member, params], bodies, sent) {
  sent.length = 0;
  const values = params.map((one) => (isBody(one) ? (bodies[pascal(one)] ?? {}) : `{${snake(one)}}`));
  try {
    await group[member](...values);
  } catch (error) {
    if (!sent.length) throw new Error(`${operation}(${params}): ${error.stack}`);
  }
  const [{ method, path }] = sent;
  const body = params.filter(isBody).map(pascal)[0] ?? null;
  return { name: operation, method, path: decodeURIComponent(path), body };
}

async function executed([, group, member, params], { values, body }) {
  try {
    const given = params.map((one) => (isBody(one) ? body : (values[snake(one)] ?? "none")));
    return { ok: (await group[member](...given)) ?? null };
  } catch (error) {
    if (error.code === undefined || error.body === undefined) return { broken: error.stack };
    // The answer of a server error is given to the caller as text.
    const said = typeof error.body === "string" ? JSON.parse(error.body) : error.body;
    return { error: [error.code, said.code ?? "invalid", JSON.stringify(said.detail)] };
  }
}

const options = { serverUrl, retryScheduleInMs: [] };
const calls = new Map([...operations(new Svix(token, options))].map((one) => [one[0], one]));

async function listed(bodies) {
  const sent = [];
  const fetch = async (url, { method }) => {
    sent.push({ method, path: new URL(url).pathname });
    return new Response(null, { status: 204 });
  };
  const found = [];
  for (const one of operations(new Svix(token, { ...options, fetch }))) {
    found.push(await described(one, bodies, sent));
  }
  return found;
}

for await (const line of createInterface({ input: process.stdin })) {
  const question = JSON.parse(line);
  const answer = question.list ? await listed(question.list) : await executed(calls.get(question.call), question);
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
