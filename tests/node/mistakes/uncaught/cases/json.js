for (const text of ['', '{', '{"a":1,}', '[1 2]', 'undefined', '{"a":"\u0001"}', 'nul', '{"a":1}x']) { try { JSON.parse(text); } catch (error) { console.log(error.message); } }
const circle = {}; circle.self = { circle }; JSON.stringify(circle);
