// Asks the router a question about images and prints what happens, as it happens. The .proto files are read at run time.
//
//   node ask.mjs --image ../../samples/codes.png "What is the code in the orange box?"

import { readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import grpc from "@grpc/grpc-js";
import loader from "@grpc/proto-loader";

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    image: { type: "string", multiple: true, default: [] },
    address: { type: "string", default: "localhost:5100" },
    threshold: { type: "string" },
    timeout: { type: "string", default: "60" },
  },
});
if (positionals.length !== 1) {
  console.error('usage: node ask.mjs [--image FILE]... [--address HOST:PORT] [--threshold S] [--timeout SECONDS] "question"');
  process.exit(2);
}

const protos = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "protos");
const definition = loader.loadSync("sgl/v1/router_service.proto", { includeDirs: [protos], keepCase: true, defaults: true, enums: String, longs: Number, oneofs: true });
const { RouterService } = grpc.loadPackageDefinition(definition).sgl.v1;

const request = {
  images: options.image.map((path) => ({ data: readFileSync(path), name: basename(path) })),
  messages: [{ role: "CHAT_ROLE_USER", parts: [{ text: positionals[0] }] }],
  policy: options.threshold === undefined ? undefined : { threshold: Number(options.threshold) },
};

const milliseconds = (duration) => Math.round(Number(duration.seconds) * 1000 + duration.nanos / 1e6);

const show = {
  layout: (layout) => console.log(`${layout.visual_token_count} visual tokens in ${layout.images.reduce((n, i) => n + i.tiles.length, 0)} tiles`),
  small_token: (token) => process.stdout.write(token.text), // provisional: a large model's answer replaces it
  decision: (decision) => console.log(`\n-> ${decision.explanation}`),
  large_token: (token) => process.stdout.write(token.text),
  completed: (end) => {
    console.log(`\nanswer: ${end.answer}`);
    console.log(`path:   ${end.path.replace("ANSWER_PATH_", "").toLowerCase()} after ${milliseconds(end.total)} ms`);
    if (end.pruning) {
      const counts = end.pruning.steps.map((step, i) => `${end.pruning.kept_visual_token_counts[i]} from layer ${step.layer} on`).join(", ");
      console.log(`kept:   ${counts || "everything"} (${Math.round(100 * end.pruning.average_retention)}% on average)`);
    }
    if (end.importance) {
      const values = end.importance.values;
      const best = values.map((_, i) => i).sort((a, b) => values[b] - values[a]).slice(0, 5);
      console.log(`most important visual tokens: ${best.map((i) => `${i} (${values[i].toFixed(2)})`).join(", ")}`);
    }
  },
};

const client = new RouterService(options.address, grpc.credentials.createInsecure());
const call = client.Answer(request, { deadline: Date.now() + 1000 * Number(options.timeout) });
call.on("data", (event) => show[event.event](event[event.event]));
call.on("end", () => client.close());
call.on("error", (error) => {
  console.error(`${grpc.status[error.code]}: ${error.details}`);
  process.exitCode = 1;
  client.close();
});
