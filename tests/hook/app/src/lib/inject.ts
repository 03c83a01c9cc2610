export const Buffer = globalThis.Buffer;
