// All that there is.
import { all, kv, print, text } from "./kv.mjs";

for (const { key, value } of await all(kv.list({ prefix: [] }))) print(text(key), value);
kv.close();
