// Deno KV behind Deno.serve, with as much of the API as the comparison needs.
const kv = await Deno.openKv(Deno.args[1]);

Deno.serve({ port: Number(Deno.args[0]), hostname: "127.0.0.1", onListen() {} }, async (request) => {
  const key = new URL(request.url).pathname.slice("/keys/".length).split("/");
  if (request.method === "PUT") {
    return Response.json(await kv.set(key, await request.json()));
  }
  return Response.json(await kv.get(key));
});
