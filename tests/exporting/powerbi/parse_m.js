// Reads M by name as JSON on stdin; says for each whether it parses, which functions it calls, and
// what the first argument of each function is that reads from outside.
const parser = require("@microsoft/powerquery-parser");

const SOURCES = /^(?!Parquet|Csv|Json).*\.(Contents|Files|Database|Databases|Feed|DataSource|Document)$/;

async function read(text) {
  const task = await parser.TaskUtils.tryLexParse(parser.DefaultSettings, text);
  if (task.resultKind !== "Ok" || task.stage !== "Parse") {
    return { error: String(task.error && (task.error.innerError || task.error).message) };
  }
  const { astNodeById } = task.nodeIdMapCollection;
  const sources = [];
  const names = new Set();
  for (const node of astNodeById.values()) {
    if (node.kind === "IdentifierExpression") names.add(node.identifier.literal);
    if (node.kind !== "RecursivePrimaryExpression") continue;
    const head = node.head.kind === "IdentifierExpression" ? node.head.identifier.literal : "";
    if (!SOURCES.test(head)) continue;
    const call = node.recursiveExpressions.elements[0];
    const first = call.content.elements[0].node;
    const kind = first.kind === "LiteralExpression" ? "literal" : first.kind;
    const value = first.kind === "IdentifierExpression" ? first.identifier.literal : "";
    sources.push({ source: head, kind, value });
  }
  return { error: null, root: task.ast.kind, sources, names: [...names].sort() };
}

(async () => {
  const chunks = [];
  for await (const chunk of process.stdin) chunks.push(chunk);
  const queries = JSON.parse(Buffer.concat(chunks).toString("utf8"));
  const found = {};
  for (const [name, text] of Object.entries(queries)) found[name] = await read(text);
  process.stdout.write(JSON.stringify(found));
})();
