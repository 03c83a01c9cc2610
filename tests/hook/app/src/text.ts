import text from './note.txt';

export const handler = async () => text;
