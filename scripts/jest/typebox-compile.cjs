module.exports = globalThis.sharedModules.compile;
