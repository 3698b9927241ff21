const { default: Type, ...others } = globalThis.sharedModules.typebox;
// What imports by name and what imports the default, which is the builder, find both on one object.
module.exports = { ...others, ...Type };
