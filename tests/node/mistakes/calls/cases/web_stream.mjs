const stream = new ReadableStream({ pull() { throw new Error('in pull'); } }); const reader = stream.getReader(); console.log(await reader.read().catch((e) => e.message)); stream.getReader();
