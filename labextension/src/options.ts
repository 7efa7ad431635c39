/** The line of a `%%eager` cell, as far as the server can do what it asks for. */

/** What is wrong, and what to do, for the user to read. */
export class Refusal extends Error {}

/** What a request may say besides its prompt; what is missing is as the server has it. */
export interface Options {
  model?: string;
  gate?: string;
  max_tokens?: number;
  temperature?: number;
}

/** Read the line, without the magic's name. */
export function parseOptions(line: string): Options {
  const words = split(line);
  const options: Options = {};
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    const [flag, given] = cut(word);
    if (flag === "--fresh" && given === undefined) {
      continue; // what every request of the server is
    }
    if (!VALUES.includes(flag)) {
      throw new Refusal(
        `${word}: the server can't do that; it knows ${VALUES.join(", ")}. ` +
          "Take it out, or run the cell itself: then the kernel asks the model.",
      );
    }
    const value = given ?? words.shift();
    if (value === undefined) {
      throw new Refusal(`${flag}: its value is missing.`);
    }
    switch (flag) {
      case "--model":
        options.model = value;
        break;
      case "--gate":
        options.gate = value;
        break;
      case "--max-tokens":
        options.max_tokens = number(flag, value);
        break;
      case "--temperature":
        options.temperature = number(flag, value);
        break;
    }
  }
  return options;
}

const VALUES = ["--model", "--gate", "--max-tokens", "--temperature"];

function cut(word: string): [string, string | undefined] {
  const at = word.indexOf("=");
  return word.startsWith("--") && at > 0
    ? [word.slice(0, at), word.slice(at + 1)]
    : [word, undefined];
}

function number(flag: string, text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value)) {
    throw new Refusal(`${flag} ${text}: it must be a number.`);
  }
  return value;
}

/** Split a line into words as a shell does. */
function split(line: string): string[] {
  const words = [...line.matchAll(WORD)].map((match) => match[0]);
  return words.map((word) =>
    word.replace(PART, (part) => {
      if (part.length === 1) {
        throw new Refusal(`%%eager: a ${part} has no end in ${line}`);
      }
      return part.startsWith("\\") ? part.slice(1) : part.slice(1, -1);
    }),
  );
}

const WORD = /(?:'[^']*'|"[^"]*"|\\.|[^\s])+/gu;
const PART = /'[^']*'|"[^"]*"|\\.|['"\\]/gu;
