// WebAssembly modules compiled from responses, as their bytes come.
console.log(typeof WebAssembly.compileStreaming, typeof WebAssembly.instantiateStreaming);
const bytes = new Uint8Array([0,97,115,109,1,0,0,0,1,5,1,96,0,1,127,3,2,1,0,7,5,1,1,102,0,0,10,6,1,4,0,65,42,11]);
const r = () => new Response(bytes, { headers: { 'content-type': 'application/wasm' } });
const { instance } = await WebAssembly.instantiateStreaming(r());
console.log(instance.exports.f());
// What is no module, and no response.
for (const bad of [new Response(bytes), 7, new Response(bytes.slice(0, 20), { headers: { 'content-type': 'application/wasm' } })]) await WebAssembly.compileStreaming(bad).catch((e) => console.log(e.name, e.code, e.message));
