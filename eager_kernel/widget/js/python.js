// Python's syntax, line by line, for its colours.

const KEYWORDS = new Set(
  ("and as assert async await break class continue def del elif else except finally for from " +
    "global if import in is lambda nonlocal not or pass raise return try while with yield").split(" "),
);
const CONSTANTS = new Set(["True", "False", "None", "Ellipsis", "NotImplemented", "self", "cls"]);
const BUILTINS = new Set(
  ("abs all any bool bytes callable chr dict dir display divmod enumerate filter float format " +
    "frozenset getattr hasattr hash input int isinstance issubclass iter len list map max min next " +
    "object open ord pow print property range repr reversed round set setattr slice sorted str sum " +
    "super tuple type vars zip Exception ValueError TypeError KeyError IndexError RuntimeError").split(" "),
);
const SOFT = /(?:match|case|type)\b(?=[^=.,)\]}:]*[^=]:?\s*$)/y;
const STRING = /[rRbBuUfFtT]{0,2}("""|'''|"|')/y;
const NUMBER = /(?:0[xXoObB][\da-fA-F_]+|\d[\d_]*\.?[\d_]*(?:[eE][+-]?\d[\d_]*)?|\.\d[\d_]*(?:[eE][+-]?\d+)?)[jJ]?/y;
const NAME = /[\p{L}_][\p{L}\p{N}\p{M}_]*/uy;
const SPACE = /[ \t\f]+/y;
const OTHER = /[^\s\p{L}\p{N}_"'#@.]+|./suy;

/**
 * Cut one line into tokens.
 * @param {string} line Without its line break.
 * @param {string} inside The quotes of the string that the line begins in; "" where it does not.
 * @returns {{tokens: [string, string][], inside: string}} Kinds and texts that concatenate to the
 *   line, and the quotes of the string that it ends in.
 */
export function tokenize(line, inside) {
  /** @type {[string, string][]} */
  const tokens = [];
  let at = 0;
  let after = "";
  const push = (kind, end) => {
    if (end > at) tokens.push([kind, line.slice(at, end)]);
    at = end;
  };
  const match = (pattern) => {
    pattern.lastIndex = at;
    return pattern.exec(line);
  };
  const string = (quotes, start) => {
    const end = endOfString(line, quotes, start);
    push("string", end < 0 ? line.length : end);
    // A single-quoted string goes on only after a backslash.
    const goesOn = end < 0 && (quotes.length === 3 || oddBackslashes(line));
    return goesOn ? quotes : "";
  };
  if (inside) {
    inside = string(inside, 0);
    if (inside || at === line.length) return { tokens, inside };
  } else if (/^\s*(?:%|!)/.test(line)) {
    push("magic", line.length);
    return { tokens, inside };
  }
  while (at < line.length) {
    let found;
    if ((found = match(SPACE))) push("", at + found[0].length);
    else if (line[at] === "#") push("comment", line.length);
    else if ((found = match(STRING))) {
      inside = string(found[1], at + found[0].length);
      after = "";
    } else if ((found = match(NAME))) {
      const name = found[0];
      const attribute = at > 0 && line[at - 1] === ".";
      let kind = "";
      if (after === "def" || after === "class") kind = "definition";
      else if (attribute) kind = "";
      else if (KEYWORDS.has(name)) kind = "keyword";
      else if (CONSTANTS.has(name)) kind = "constant";
      else if (BUILTINS.has(name)) kind = "builtin";
      else if (!tokens.some(([k, t]) => k || t.trim()) && match(SOFT)) kind = "keyword";
      push(kind, at + name.length);
      after = name;
    } else if ((found = match(NUMBER))) push("number", at + found[0].length);
    else if (line[at] === "@" && !line.slice(0, at).trim()) push("decorator", endOfDecorator(line, at));
    else push("", at + Math.max(1, (found = match(OTHER)) ? found[0].length : 1));
  }
  return { tokens, inside };
}

function endOfString(line, quotes, at) {
  for (let i = at; i < line.length; i++) {
    if (line[i] === "\\") i++;
    else if (line.startsWith(quotes, i)) return i + quotes.length;
  }
  return -1;
}

function oddBackslashes(line) {
  let count = 0;
  while (count < line.length && line[line.length - 1 - count] === "\\") count++;
  return count % 2 === 1;
}

function endOfDecorator(line, at) {
  const found = /@[\w.\s]*/y;
  found.lastIndex = at;
  return at + found.exec(line)[0].length;
}
