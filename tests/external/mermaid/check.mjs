// Reads Mermaid documents with Mermaid's own parser: `node check.mjs FILE...`. Says which are none and why.
import { readFileSync } from "node:fs";
import { JSDOM } from "jsdom";

// Mermaid takes its sanitiser from the document of a browser.
const { window } = new JSDOM("");
globalThis.window = window;
globalThis.document = window.document;
const { default: mermaid } = await import("mermaid");

let bad = 0;
for (const file of process.argv.slice(2)) {
  const text = readFileSync(file, "utf8");
  try {
    const { diagramType } = await mermaid.parse(text);
    if (!diagramType.startsWith("flowchart")) throw new Error(`it is read as ${diagramType}`);
    const diagram = await mermaid.mermaidAPI.getDiagramFromText(text);
    const vertices = diagram.db.getVertices();
    const drawn = new Set(vertices.keys());
    for (const { start, end } of diagram.db.getEdges()) {
      if (!drawn.has(start) || !drawn.has(end)) throw new Error(`an arrow leads nowhere: ${start} to ${end}`);
    }
    // A box that was never declared has its id for a label.
    for (const [id, vertex] of vertices) {
      if (vertex.text === undefined || vertex.text === id) throw new Error(`${id} has no label`);
    }
    console.log(`ok   ${file}: ${vertices.size} boxes`);
  } catch (error) {
    bad += 1;
    console.log(`BAD  ${file}: ${error.message}`);
  }
}
process.exit(bad === 0 ? 0 : 1);
