/** `flotilla/socket.io`: an adapter for socket.io. */

export interface SocketIoAdapterOptions {
  /** The name of the bus: `'socket.io'` by default. Servers that are to know of each other have the same. */
  name?: string;
  /** How many messages the bus keeps for clients that come back, and for workers that are behind. Default 10,000. */
  max?: number;
  /** How long a worker is silent at most, in milliseconds. Default 5,000. */
  heartbeatInterval?: number;
  /** After how long a silent worker is taken for gone, in milliseconds. Default 10,000. */
  heartbeatTimeout?: number;
}

/** What goes into `io.adapter()`. */
export function createAdapter(options?: SocketIoAdapterOptions): (nsp: any) => any;

export { createAdapter as default };
