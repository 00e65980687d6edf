// A program of others: unstorage, over its drivers for Deno KV.
import { deno, kv, path, print, require, tell } from "./kv.mjs";

kv.close();
const { createStorage } = require("unstorage");
const driver = require(`unstorage/drivers/deno-kv${deno ? "" : "-node"}`);
const storage = createStorage({ driver: driver({ path, base: "library" }) });

await storage.clear();
await storage.setItem("users:1", { name: "Alice", tags: ["a", "b"] });
await storage.setItem("users:2", "Bob");
await storage.setItem("count", 7, { ttl: 3600 });
await storage.setItemRaw("raw", new Uint8Array([1, 2, 3]));
await storage.setItems([{ key: "m:1", value: true }, { key: "m:2", value: 2.5 }]);
print("keys", (await storage.getKeys()).sort());
print("keys below", (await storage.getKeys("users")).sort());
print("an object", await storage.getItem("users:1"));
print("a string", await storage.getItem("users:2"));
print("a number", await storage.getItem("count"));
print("raw", await storage.getItemRaw("raw"));
print("several", await storage.getItems(["m:1", "m:2"]));
print("has", [await storage.hasItem("users:1"), await storage.hasItem("users:3")]);
await storage.removeItem("users:1");
print("removed", await storage.getItem("users:1"));
await tell("cleared", async () => {
  await storage.clear("m");
  return (await storage.getKeys()).sort();
});
await storage.dispose();
