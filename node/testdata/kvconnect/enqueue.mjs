// Messages, which npm's client sends and Deno refuses by itself.
import { deno, kv, tell } from "./kv.mjs";

const messages = { object: { to: "alice" }, text: "hello", bytes: new Uint8Array([1, 2]), date: new Date(0), bigint: 7n };
for (const [what, message] of Object.entries(messages)) await tell(what, async () => (await kv.enqueue(message)).ok);
if (!deno) {
  await tell("with a commit", async () => (await kv.atomic().check({ key: ["enqueue"], versionstamp: null }).set(["enqueue"], 1).enqueue("committed").commit()).ok);
  await tell("with a check that fails", () => kv.atomic().check({ key: ["enqueue"], versionstamp: null }).enqueue("lost").commit());
  await tell("undelivered", async () => (await kv.enqueue("undelivered", { keysIfUndelivered: [["enqueue", "failed"]], delay: 1 })).ok);
}
kv.close();
