// node:crypto, loaded when a password is first checked: it would take a tenth of every cold start.

export const nodeCrypto = () => process.getBuiltinModule('node:crypto')
