// The same routes by `startServer`, which is told to restart by its parent.

const express = require('express');
const { restartServer, startServer } = require('../../index.js');

const app = express();
app.get('/hello/:name', (request, response) => void response.send(`Hello ${request.params.name}`));
startServer(app, { workers: 2, baseWorkerPort: 0 }).then(({ mode }) => {
  if (mode !== 'primary') return;
  process.on('message', () => restartServer().then(() => process.send?.('restarted')));
});
