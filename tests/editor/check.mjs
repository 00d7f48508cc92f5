// What an editor shows of a file, as JSON: called with the folder of `node_modules`, the folder of the files, and a file of
// questions `[{ path, text, complete?: [line, character], hover?: [line, character] }]`.

import { readFileSync } from "node:fs";
import { start } from "./server.mjs";

const [modules, root, asked] = process.argv.slice(2);
const server = await start(modules, root);
const answers = [];
const position = ([line, character]) => ({ line, character });

try {
  for (const { path, text, complete, hover } of JSON.parse(readFileSync(asked, "utf8"))) {
    const findings = await server.open(path, text);
    const answer = {
      findings: findings.map(({ range, message }) => `${range.start.line + 1}:${range.start.character + 1}: ${message}`),
    };
    if (complete) {
      const list = await server.complete(path, position(complete));
      answer.labels = (list.items ?? list).map((item) => item.label);
    }
    if (hover) answer.hover = (await server.hover(path, position(hover)))?.contents?.value ?? "";
    answers.push(answer);
  }
} finally {
  server.stop();
}
process.stdout.write(JSON.stringify(answers));
