// Deno KV behind Deno.serve, with as much of the API as is measured beside it.
const kv = await Deno.openKv(Deno.args[1]);

// routes is what POST does, by its path.
const routes: Record<string, (body: any) => Promise<unknown>> = {
  "/atomic": ({ key, versionstamp, value }) => kv.atomic().check({ key, versionstamp }).set(key, value).commit(),
  "/sum": ({ key }) => kv.atomic().sum(key, 1n).commit(),
  "/list": async ({ start, end, limit }) => {
    const entries = [];
    for await (const entry of kv.list({ start, end }, { limit })) entries.push(entry);
    return entries;
  },
  // As many as Deno KV takes in one operation.
  "/fill": async ({ entries }) => {
    let operation = kv.atomic();
    for (const { key, value } of entries) operation = operation.set(key, value);
    return await operation.commit();
  },
};

Deno.serve({ port: Number(Deno.args[0]), hostname: "127.0.0.1", onListen() {} }, async (request) => {
  const path = new URL(request.url).pathname;
  if (request.method === "POST") return Response.json(await routes[path](await request.json()));
  const key = path.slice("/keys/".length).split("/");
  if (request.method === "PUT") return Response.json(await kv.set(key, await request.json()));
  return Response.json(await kv.get(key));
});
