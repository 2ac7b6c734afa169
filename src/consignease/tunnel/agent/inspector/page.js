"use strict";
// The token stands behind the # of the URL: no server sees it, and it leaves the address bar here.
if (location.hash.length > 1) {
  sessionStorage.setItem("token", location.hash.slice(1));
  history.replaceState(null, "", "/");
}
const token = sessionStorage.getItem("token") || "";
const at = (id) => document.getElementById(id);
let current = null;
let shown = "";

async function call(path, options = {}) {
  const headers = { authorization: `Bearer ${token}` };
  const answer = await fetch(path, { ...options, headers });
  const found = await answer.json();
  if (!answer.ok) throw new Error(found.detail);
  return found;
}

function make(tag, text, more = {}) {
  const node = document.createElement(tag);
  if (text !== undefined) node.textContent = text;
  Object.assign(node, more);
  return node;
}

function say(words) { at("note").textContent = words; }

function query() { return at("reveal").checked ? "?reveal=1" : ""; }

async function refresh() {
  try {
    const found = await call("/api/exchanges");
    at("way").textContent = `${found.url} leads to ${found.target}`;
    const state = JSON.stringify([found.exchanges, current, at("find").value, at("failed").checked]);
    if (state !== shown) list(found.exchanges);
    shown = state;
  } catch (error) { say(error.message); }
}

function list(exchanges) {
  const text = at("find").value.toLowerCase();
  const wanted = exchanges.filter((one) =>
    `${one.method} ${one.target} ${one.type}`.toLowerCase().includes(text)
    && (!at("failed").checked || one.error || one.status >= 400));
  at("none").hidden = wanted.length > 0;
  at("list").replaceChildren(...wanted.map((one) => {
    const bad = one.error || one.status >= 400;
    const button = make("button", undefined, { type: "button", onclick: () => open(one.number) });
    button.setAttribute("aria-current", String(one.number === current));
    button.append(
      make("span", one.status || "…", { className: bad ? "bad" : "good" }),
      make("span", `${one.replay_of ? "↻ " : ""}${one.method} ${one.type || one.target}`),
      make("span", one.ms === null ? "" : `${Math.round(one.ms)} ms`));
    const item = make("li");
    item.append(button);
    return item;
  }));
}

function table(fields) {
  const node = make("table");
  for (const [name, value] of fields) {
    const row = make("tr");
    row.append(make("td", name), make("td", value));
    node.append(row);
  }
  return node;
}

function pretty(body) {
  if (body.base64 !== undefined) return `${body.size} bytes, in base64:\n${body.base64}`;
  try { return JSON.stringify(JSON.parse(body.text), null, 2); } catch { return body.text; }
}

function message(title, side) {
  const cut = side.whole ? "" : ` The beginning of ${side.size} bytes.`;
  return [make("h2", `${title}: ${side.size} bytes.${cut}`), table(side.fields),
    make("pre", pretty(side))];
}

function signature(found) {
  if (!found) return [];
  const panel = make("div", undefined, { className: "panel" });
  const words = found.ok === null ? "Not checked" : found.ok ? "The signature fits" : "The signature does not fit";
  panel.append(make("strong", words, { className: found.ok ? "good" : "bad" }), make("div", found.message));
  if (found.fix) panel.append(make("div", found.fix));
  return [make("h2", "Signature"), panel];
}

async function again(number, edit) {
  try {
    const made = await call(`/api/exchanges/${number}/replay`, {
      method: "POST", body: edit ? JSON.stringify(edit) : "" });
    say(`Sent again as ${made.number}.`);
    await refresh();
    await open(made.number);
  } catch (error) { say(error.message); }
}

function editor(one) {
  const box = make("details");
  const text = make("textarea", one.request.text ?? "");
  const target = make("input", undefined, { type: "search", value: one.target });
  const label = make("label", "Path ");
  label.append(target);
  const body = make("label", "Body");
  body.append(text);
  const go = make("button", "Send it so", { type: "button" });
  go.onclick = () => again(one.number, { target: target.value, text: text.value });
  box.append(make("summary", "Edit and send again"), label, body, go);
  return box;
}

async function open(number) {
  try {
    const one = await call(`/api/exchanges/${number}${query()}`);
    current = number;
    const tools = make("p", undefined, { className: "tools" });
    const copy = make("button", "Copy as curl", { type: "button" });
    copy.onclick = async () => {
      await navigator.clipboard.writeText(one.curl);
      say("Copied.");
    };
    const repeat = make("button", "Send again", { type: "button", onclick: () => again(number) });
    tools.append(repeat, copy);
    const parts = [make("h2", `${one.method} ${one.target} → ${one.status || "no answer yet"}`), tools];
    if (one.error) parts.push(make("p", one.error, { className: "bad" }));
    if (one.request.base64 === undefined) parts.push(editor(one));
    parts.push(...signature(one.signature));
    if (one.diff) {
      parts.push(make("h2", `Changed since ${one.diff.number}`), make("pre", one.diff.lines.join("\n")));
    }
    parts.push(...message("Request", one.request), ...message("Answer", one.response),
      make("h2", "curl"), make("pre", one.curl));
    at("one").replaceChildren(...parts);
    at("one").hidden = false;
    await refresh();
  } catch (error) { say(error.message); }
}

at("har").onclick = async () => {
  const found = await call(`/api/har${query()}`);
  const url = URL.createObjectURL(new Blob([JSON.stringify(found, null, 1)], { type: "application/json" }));
  make("a", "", { href: url, download: "tunnel.har" }).click();
  URL.revokeObjectURL(url);
};
at("clear").onclick = async () => {
  await call("/api/exchanges", { method: "DELETE" });
  at("one").hidden = true;
  await refresh();
};
at("reveal").onchange = () => { if (current !== null) open(current); };
at("find").oninput = refresh;
at("failed").onchange = refresh;
refresh();
setInterval(refresh, 1000);
