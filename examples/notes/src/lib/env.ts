/** The value of an environment variable that the stack sets for the function. */
export function env(name: string): string {
  const value = process.env[name];
  if (!value) {
    throw new Error(`environment variable ${name} is not set; the function's stack sets it`);
  }
  return value;
}
