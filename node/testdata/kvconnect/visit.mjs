// Opens the database, reads once, and ends.
import { kv, print } from "./kv.mjs";

print("read", (await kv.get(["visit"])).value);
kv.close();
