// Says what a watch shows, and writes what it is told to: REST is at the other side.
import { kv, KvU64, print } from "./kv.mjs";

const writes = {
  object: { name: "Alice", tags: ["a", null] },
  u64: new KvU64(7n),
  bytes: new Uint8Array([1, 2, 3]),
  bigint: -5n,
  date: new Date(0),
  delete: undefined,
};
for await (const [{ value }] of kv.watch([["mirror", "rest"]])) {
  print("saw", value);
  if (value?.write === "delete") await kv.delete(["mirror", "deno"]);
  else if (value?.write) await kv.set(["mirror", "deno"], writes[value.write]);
  if (value === "end") break;
}
kv.close();
