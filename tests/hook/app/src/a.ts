/*! @license kept */
import { greet } from './lib/greet';
import { S3Client } from '@aws-sdk/client-s3';

enum Colour { Red = 1, Green }

export const handler = async (event: { name?: string }) => {
  const key: string | undefined = process.env.KEY;
  return { statusCode: 200, body: greet(event.name ?? 'wörld €', key), colour: Colour.Green, client: typeof S3Client };
};
