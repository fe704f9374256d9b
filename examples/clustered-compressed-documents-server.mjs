// Documents that lie compressed in the cache: wrap(). See README.md beside this file.

import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import express, { LRUCacheClustered, wrap } from 'flotilla';
import { patient, serve } from './clustered.mjs';

const [pack, unpack] = [promisify(gzip), promisify(gunzip)];

/** @type {LRUCacheClustered<string, Buffer>} */
const packed = new LRUCacheClustered({ namespace: 'documents', max: 1000, ...patient });
const documents = wrap(packed, {
  /** @param {string} text */
  encode: (text) => pack(text),
  /** @param {Buffer} stored */
  decode: async (stored) => (await unpack(stored)).toString(),
});

const app = express();
app.use(express.text({ type: () => true, limit: '5mb' }));

app.put('/documents/:id', async (request, response) => {
  const text = typeof request.body === 'string' ? request.body : '';
  await documents.set(request.params.id, text);
  response.status(201).json({ id: request.params.id, bytes: Buffer.byteLength(text) });
});

app.get('/documents/:id', async (request, response) => {
  const text = await documents.get(request.params.id);
  response.set('x-answered-by', String(process.pid));
  if (text === undefined) response.status(404).json({ error: 'no such document' });
  else response.type('text/plain').send(text);
});

// What is stored, as it is stored.
app.get('/documents/:id/stored', async (request, response) => {
  const stored = await documents.cache.peek(request.params.id);
  if (stored === undefined) response.status(404).json({ error: 'no such document' });
  else response.json({ bytes: stored.length });
});

await serve(app);
