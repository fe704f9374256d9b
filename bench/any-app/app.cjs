// The app of every contestant, as its author would write it: nothing in it knows who runs it.

const express = require('express');

const app = express();
app.get('/hello/:name', (request, response) => void response.send(`Hello ${request.params.name}`));
app.listen(Number(process.env.PORT));
