// A YAML language server on standard input and output, as an editor has one.

import { spawn } from "node:child_process";
import { pathToFileURL } from "node:url";

const ANSWER_MS_MAX = 60_000;

/** Starts the server of `modules` for the files of `root`. */
export async function start(modules, root) {
  const binary = `${modules}/yaml-language-server/bin/yaml-language-server`;
  const child = spawn(process.execPath, [binary, "--stdio"], { stdio: ["pipe", "pipe", "inherit"] });
  const waiting = new Map();
  const diagnostics = new Map();
  let received = Buffer.alloc(0);
  let next = 1;

  const send = (message) => {
    const body = Buffer.from(JSON.stringify({ jsonrpc: "2.0", ...message }));
    child.stdin.write(`Content-Length: ${body.length}\r\n\r\n`);
    child.stdin.write(body);
  };
  const settings = {
    yaml: { validate: true, hover: true, completion: true, schemaStore: { enable: false, url: "" } },
  };
  // The server asks for settings in parts, by name.
  const answered = (message) => {
    const items = message.params?.items ?? [];
    const result = message.method === "workspace/configuration" ? items.map((item) => settings[item.section] ?? {}) : null;
    send({ id: message.id, result });
  };
  const take = (message) => {
    if (message.method && message.id !== undefined) return answered(message);
    if (message.method === "textDocument/publishDiagnostics") {
      diagnostics.get(message.params.uri)?.(message.params.diagnostics);
      return undefined;
    }
    const done = waiting.get(message.id);
    waiting.delete(message.id);
    return done?.(message);
  };
  child.stdout.on("data", (chunk) => {
    received = Buffer.concat([received, chunk]);
    for (;;) {
      const end = received.indexOf("\r\n\r\n");
      const length = end < 0 ? 0 : Number(/Content-Length: (\d+)/i.exec(received.subarray(0, end).toString())[1]);
      if (end < 0 || received.length < end + 4 + length) return;
      const body = received.subarray(end + 4, end + 4 + length).toString();
      received = received.subarray(end + 4 + length);
      take(JSON.parse(body));
    }
  });

  const bounded = (what, promise) => {
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`the language server did not answer: ${what}`)), ANSWER_MS_MAX);
    });
    return Promise.race([promise, late]).finally(() => clearTimeout(timer));
  };
  const request = (method, params) => {
    const id = next++;
    send({ id, method, params });
    return bounded(method, new Promise((resolve, reject) => {
      waiting.set(id, ({ result, error }) => (error ? reject(new Error(error.message)) : resolve(result)));
    }));
  };

  await request("initialize", {
    processId: process.pid,
    rootUri: pathToFileURL(root).href,
    capabilities: {
      textDocument: {
        completion: { completionItem: { documentationFormat: ["markdown"], snippetSupport: true } },
        hover: { contentFormat: ["markdown"] },
        publishDiagnostics: {},
      },
      workspace: { configuration: true, didChangeConfiguration: { dynamicRegistration: false } },
    },
  });
  send({ method: "initialized", params: {} });
  send({ method: "workspace/didChangeConfiguration", params: { settings } });

  /** Opens a text as the file `path`; gives its findings, once the server has sent them. */
  const open = (path, text) => {
    const uri = pathToFileURL(path).href;
    const told = new Promise((resolve) => diagnostics.set(uri, resolve));
    send({ method: "textDocument/didOpen", params: { textDocument: { uri, languageId: "yaml", version: 1, text } } });
    return bounded(`findings on ${path}`, told);
  };
  const at = (method, path, position) =>
    request(`textDocument/${method}`, { textDocument: { uri: pathToFileURL(path).href }, position });

  return {
    open,
    hover: (path, position) => at("hover", path, position),
    complete: (path, position) => at("completion", path, position),
    stop: () => child.kill(),
  };
}
