// One delivery, judged by every official verifier: {secret, headers, body (base64)} in, verdicts out.
import { once } from "node:events";
import { createServer, request } from "node:http";
import { createInterface } from "node:readline";
import { verifyWebhook as backend } from "@clerk/backend/webhooks";
import { verifyWebhook as fromExpress } from "@clerk/express/webhooks";
import { verifyWebhook as fromFastify } from "@clerk/fastify/webhooks";
import express from "express";
import Fastify from "fastify";
import { Webhook as Standard } from "standardwebhooks";
import { Webhook as Svix } from "svix";

let secret = "";

const app = express();
const answer = (verify) => async (req, res) => {
  try {
    const event = await verify(req, { signingSecret: secret });
    res.status(200).send(event.type);
  } catch (error) {
    res.status(400).send(error.message);
  }
};
app.post("/raw", express.raw({ type: "application/json" }), answer(fromExpress));
app.post("/json", express.json(), answer(fromExpress));
const expressServer = createServer(app).listen(0, "127.0.0.1");
await once(expressServer, "listening");

const fastify = Fastify();
fastify.post("/json", async (req, reply) => {
  try {
    return reply.status(200).send((await fromFastify(req, { signingSecret: secret })).type);
  } catch (error) {
    return reply.status(400).send(error.message);
  }
});
await fastify.listen({ port: 0, host: "127.0.0.1" });

const post = (port, path, headers, body) =>
  new Promise((resolve, reject) => {
    const sent = request(
      { host: "127.0.0.1", port, path, method: "POST", headers: { ...headers, "content-length": body.length } },
      (got) => {
        let text = "";
        got.on("data", (chunk) => (text += chunk));
        got.on("end", () => resolve(got.statusCode === 200 ? `ok ${text}` : `refused ${text}`));
      },
    );
    sent.on("error", reject);
    sent.end(body);
  });

const attempt = async (verify) => {
  try {
    return `ok ${(await verify()).type}`;
  } catch (error) {
    return `refused ${error.message}`;
  }
};

for await (const line of createInterface({ input: process.stdin })) {
  const delivery = JSON.parse(line);
  secret = delivery.secret;
  const body = Buffer.from(delivery.body, "base64");
  const { headers } = delivery;
  const verdicts = {
    "@clerk/backend": await attempt(() =>
      backend(new Request("http://x/", { method: "POST", headers, body }), { signingSecret: secret }),
    ),
    svix: await attempt(async () => new Svix(secret).verify(body, headers)),
    standardwebhooks: await attempt(async () => new Standard(secret).verify(body, headers)),
    "@clerk/express raw": await post(expressServer.address().port, "/raw", headers, body),
    "@clerk/express json": await post(expressServer.address().port, "/json", headers, body),
    "@clerk/fastify": await post(fastify.server.address().port, "/json", headers, body),
  };
  process.stdout.write(JSON.stringify(verdicts) + "\n");
}
expressServer.close();
await fastify.close();
