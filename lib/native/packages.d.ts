/** The addons in the packages of the platforms, of which a machine has one: what each exports stands in `addon.d.ts`. */
declare module '*/flotilla.node' {
  const addon: unknown;
  export = addon;
}
