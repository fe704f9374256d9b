/** `flotilla/register` is loaded before a program, and exports nothing. */
export {};
