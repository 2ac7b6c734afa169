// The official @clerk/backend client, driven by lines of JSON: {method, args} in, {ok} or {error} out.
import { createInterface } from "node:readline";
import { createClerkClient } from "@clerk/backend";

const [apiUrl, secretKey, publishableKey] = process.argv.slice(2);
const clerk = createClerkClient({ apiUrl, secretKey, publishableKey, telemetry: { disabled: true } });

// A picture comes as {file: {$bytes, type}}.
function withFile(arg) {
  const file = arg?.file;
  return file ? { file: new File([new Uint8Array(file.$bytes)], "file", { type: file.type }) } : arg;
}

for await (const line of createInterface({ input: process.stdin })) {
  const { method, args } = JSON.parse(line);
  let answer;
  try {
    const [name, group = "users"] = method.split(".").reverse();
    answer = { ok: (await clerk[group][name](...args.map(withFile))) ?? null };
  } catch (error) {
    answer = {
      error: {
        status: error.status,
        codes: (error.errors ?? []).map((one) => one.code),
        params: (error.errors ?? []).map((one) => one.meta?.paramName ?? null),
        trace: error.clerkTraceId,
        name: error.name,
        message: error.message,
      },
    };
  }
  // What its classes keep of the raw answer is beside the point here.
  process.stdout.write(JSON.stringify(answer, (key, value) => (key === "_raw" ? undefined : value)) + "\n");
}
