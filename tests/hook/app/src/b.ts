import { shout } from './lib/shout';
import { greet } from './lib/greet';

export const handler = async () => ({ statusCode: 200, body: shout(greet('b')) });
