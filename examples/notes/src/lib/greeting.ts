/** What `GET /hello` answers. */
export function greeting(stage: string): string {
  return `Hello from ${stage}`;
}
