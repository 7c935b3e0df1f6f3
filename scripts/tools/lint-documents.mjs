// Lints the two API descriptions that the service publishes:
//
//   node scripts/tools/lint-documents.mjs openapi.json asyncapi.json
//
// Prints every problem with its place in the document. Exits with 1 when there is an error. Warnings are printed and pass.
// It looks the linters up from the working folder, where scripts/test has installed them.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";

const require = createRequire(path.join(process.cwd(), "package.json"));
const { createConfig, lint } = require("@redocly/openapi-core");
const { Parser } = require("@asyncapi/parser");

const ERROR = 0;
let errors = 0;

function report(file, severity, rule, place, message) {
  const word = severity === "error" ? "error" : "warning";
  console.log(`${path.basename(file)}: ${word}: ${message} [${rule}]\n  at ${place || "the document"}`);
  if (word === "error") errors += 1;
}

async function lintOpenapi(file) {
  const config = await createConfig({
    extends: ["recommended"],
    rules: {
      // The service is served wherever it is installed, so the description names no other server than "/".
      "no-empty-servers": "off",
      "no-server-example.com": "off",
      // A contract's route answers what its handler answers; some only with success or a refusal of the guard.
      "operation-4xx-response": "off",
      "operation-2xx-response": "off",
      // The licence is an SPDX identifier (3.1), which stands in for an address.
      "info-license-url": "off",
      // An open route has to say `security: []`.
      "security-defined": "error",
      // A vendor's payload may hold more than the handler reads.
      "no-invalid-media-type-examples": { severity: "error", allowAdditionalProperties: true },
    },
  });
  for (const problem of await lint({ ref: file, config })) {
    const [location] = problem.location ?? [];
    report(file, problem.severity, problem.ruleId, location?.pointer, problem.message);
  }
}

async function lintAsyncapi(file) {
  const { document, diagnostics } = await new Parser().parse(await readFile(file, "utf8"), { source: file });
  for (const problem of diagnostics) {
    const severity = problem.severity === ERROR ? "error" : "warning";
    // The parser advises the newest version of AsyncAPI; 3.0 is promised to readers.
    if (problem.code === "asyncapi-latest-version") continue;
    report(file, severity, problem.code, problem.path.join("/"), problem.message);
  }
  if (!document && errors === 0) report(file, "error", "parse", "", "the document could not be read");
}

const [openapi, asyncapi] = process.argv.slice(2);
if (!openapi || !asyncapi) {
  console.error("usage: lint-documents.mjs openapi.json asyncapi.json");
  process.exit(2);
}
await lintOpenapi(path.resolve(openapi));
await lintAsyncapi(path.resolve(asyncapi));
process.exit(errors === 0 ? 0 : 1);
