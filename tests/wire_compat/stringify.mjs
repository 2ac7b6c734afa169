// For each line of base64: does the text survive JavaScript's parse and stringify byte for byte?
import { createInterface } from "node:readline";

let count = 0;
const changed = [];
for await (const line of createInterface({ input: process.stdin })) {
  const body = Buffer.from(line, "base64");
  const again = Buffer.from(JSON.stringify(JSON.parse(body.toString("utf8"))), "utf8");
  if (!again.equals(body)) changed.push(count);
  count += 1;
}
process.stdout.write(JSON.stringify({ count, changed }) + "\n");
