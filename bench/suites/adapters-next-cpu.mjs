// What a page costs, however many cores there are: the same fields as in `adapters-next`.

export { cpu as default } from '../next/field.mjs';
