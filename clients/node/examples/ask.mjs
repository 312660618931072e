// Asks the router a question about images and prints what happens, as it happens.
//
//   node ask.mjs --image ../../../samples/codes.png "What is the code in the orange box?"

import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { question, SglClient, SglError } from "@sgl/client";

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

const milliseconds = (duration) => Math.round(Number(duration.seconds) * 1000 + duration.nanos / 1e6);

const show = {
  prompt: ({ layout }) => console.log(`${layout.visual_token_count} visual tokens in ${layout.images.reduce((n, i) => n + i.tiles.length, 0)} tiles`),
  smallToken: ({ text }) => process.stdout.write(text), // provisional: a large model's answer replaces it
  decision: ({ decision }) => console.log(`\n-> ${decision.explanation}`),
  largeToken: ({ text }) => process.stdout.write(text),
  completed: ({ answer: { text, path, completed } }) => {
    console.log(`\nanswer: ${text}`);
    console.log(`path:   ${path} after ${milliseconds(completed.total)} ms`);
    if (completed.pruning) {
      const counts = completed.pruning.steps.map((step, i) => `${completed.pruning.kept_visual_token_counts[i]} from layer ${step.layer} on`).join(", ");
      console.log(`kept:   ${counts || "everything"} (${Math.round(100 * completed.pruning.average_retention)}% on average)`);
    }
    if (completed.importance) {
      const values = completed.importance.values;
      const best = values.map((_, i) => i).sort((a, b) => values[b] - values[a]).slice(0, 5);
      console.log(`most important visual tokens: ${best.map((i) => `${i} (${values[i].toFixed(2)})`).join(", ")}`);
    }
  },
};

const client = new SglClient(options.address, { timeoutMs: 1000 * Number(options.timeout) });
try {
  const request = question(positionals[0], options.image.map((path) => readFileSync(path)), options.threshold === undefined ? {} : { policy: { threshold: Number(options.threshold) } });
  for await (const event of client.ask(request)) show[event.type](event);
} catch (error) {
  if (!(error instanceof SglError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
} finally {
  client.close();
}
