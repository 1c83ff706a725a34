/** Random numbers in one breath: seed them here, draw them from the generator. */
export { defaultGenerator, seedEverything } from "./generator.js";
