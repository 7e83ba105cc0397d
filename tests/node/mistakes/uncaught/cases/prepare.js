Error.prepareStackTrace = (error, frames) => `${error.message} by ${frames.length > 0 ? frames[0].getFunctionName() : '?'}`;
function culprit() { throw new Error('prepared'); } culprit();
