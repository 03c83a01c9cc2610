import { env } from "../lib/env";
import { greeting } from "../lib/greeting";
import { type Answer, text } from "../lib/http";

export async function handler(): Promise<Answer> {
  return text(200, greeting(env("STAGE")));
}
