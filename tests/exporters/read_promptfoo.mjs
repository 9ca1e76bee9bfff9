// What promptfoo makes of our tests: the provider `echo` answers with the prompt, which is the rendered input.
import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const home = path.join(process.cwd(), 'node_modules', 'promptfoo');
const entry = JSON.parse(fs.readFileSync(path.join(home, 'package.json'), 'utf8')).exports['.'].import;
const promptfoo = await import(pathToFileURL(path.join(home, entry.default ?? entry)).href);
const api = promptfoo.default?.evaluate ? promptfoo.default : promptfoo;
const [folder, out] = process.argv.slice(2);
const tests = path.join(folder, 'promptfoo.jsonl');
if (promptfoo.AtomicTestCaseSchema) {
  for (const line of fs.readFileSync(tests, 'utf8').split('\n').filter(Boolean)) {
    promptfoo.AtomicTestCaseSchema.parse(JSON.parse(line));
  }
}
const found = await api.evaluate(
  { prompts: ['{{input}}'], providers: ['echo'], tests: `file://${tests}`, writeLatestResults: false },
  { cache: false, maxConcurrency: 1 },
);
const summary = found.toEvaluateSummary ? await found.toEvaluateSummary() : found;
const rows = summary.results.map((row) => ({
  id: row.testCase?.metadata?.id, said: row.response?.output ?? null, success: row.success, error: row.error ?? '',
}));
fs.writeFileSync(out, JSON.stringify(rows));
