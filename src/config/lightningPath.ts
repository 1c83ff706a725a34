/** A class of Lightning's under both names that its package goes by. */
export function lightning(name: string): string[] {
  return [`lightning.pytorch.${name}`, `pytorch_lightning.${name}`];
}
