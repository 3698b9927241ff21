module.exports = globalThis.sharedModules.value;
