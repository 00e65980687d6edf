// Reads again and again until it is ended.
import { kv, print } from "./kv.mjs";

for (let n = 1; ; n++) {
  await kv.set(["refresh"], n);
  print("read", (await kv.get(["refresh"])).value === n);
  await new Promise((resolve) => setTimeout(resolve, 100));
}
