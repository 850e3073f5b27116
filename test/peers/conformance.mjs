// The official conformance tests of MCP, on the Node that is here. The arguments are those of
// @modelcontextprotocol/conformance: `client --command COMMAND --scenario NAME`, `list`.
import './later.mjs';

await import('@modelcontextprotocol/conformance/dist/index.js');
