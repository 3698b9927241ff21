module.exports = globalThis.sharedModules.schema;
