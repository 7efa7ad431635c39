// The parts of the view's module that need no page: `node --test`.

import assert from "node:assert/strict";
import { test } from "node:test";

const source = process.env.EAGER_VIEW_JS;
const { MARKS, Run, count, hiddenShare, phaseText, roundUp, seconds, ticks, tokenize, visible, withoutAnsi } =
  await import(source);

const kinds = (line, inside = "") => tokenize(line, inside).tokens.filter(([kind]) => kind);
const joined = (line, inside = "") => tokenize(line, inside).tokens.map(([, text]) => text).join("");

function news(seq, more = {}) {
  return { type: "news", seq, at: seq / 10, facts: { phase: "writing" }, ...more };
}

function told(...all) {
  const run = new Run();
  all.forEach((one, i) => run.take(news(i + 1, one)));
  return run;
}

test("tokens concatenate to their line, whatever it is", () => {
  const alphabet = [..."ab1._ \"'\\#@()=:%é漢😀\t", '"""', "'''", "def ", "f'", "rb\"", "\ud800"];
  let state = 1;
  for (let i = 0; i < 3000; i++) {
    let line = "";
    for (let j = 0; j < i % 12; j++) {
      state = (state * 48271) % 2147483647;
      line += alphabet[state % alphabet.length];
    }
    for (const inside of ["", '"', "'", '"""', "'''"]) {
      assert.equal(joined(line, inside), line);
      assert.ok(["", '"', "'", '"""', "'''"].includes(tokenize(line, inside).inside));
    }
  }
});

test("a line of Python", () => {
  assert.deepEqual(kinds("async def f(x): return None  # why"), [
    ["keyword", "async"],
    ["keyword", "def"],
    ["definition", "f"],
    ["keyword", "return"],
    ["constant", "None"],
    ["comment", "# why"],
  ]);
  assert.deepEqual(kinds("a.print = rb'\\'' + 0x1F"), [["string", "rb'\\''"], ["number", "0x1F"]]);
  assert.deepEqual(kinds("@app.get('/')"), [["decorator", "@app.get"], ["string", "'/'"]]);
  assert.deepEqual(kinds("match x:"), [["keyword", "match"]]);
  assert.deepEqual(kinds("match = 1"), [["number", "1"]]);
  assert.deepEqual(kinds("%timeit x"), [["magic", "%timeit x"]]);
});

test("strings go on over lines", () => {
  assert.equal(tokenize('x = """a', "").inside, '"""');
  assert.equal(tokenize("no # comment", '"""').inside, '"""');
  assert.deepEqual(kinds('end""" # c', '"""'), [["string", 'end"""'], ["comment", "# c"]]);
  assert.equal(tokenize("x = 'a\\", "").inside, "'");
  assert.equal(tokenize("x = 'a", "").inside, "");
  const run = told({ text: "a = '''\nb\n''' + c\nd" });
  assert.deepEqual([1, 2, 3, 4].map((line) => run.inside(line)), ["", "'''", "'''", ""]);
});

test("a long line costs little", () => {
  const line = "x = '" + "a\\'".repeat(300_000) + "'";
  assert.equal(tokenize(line, "").tokens.at(-1)[0], "string");
});

test("what can't be seen is spelled out", () => {
  assert.deepEqual(visible("a\u202eb"), [
    { text: "a", hidden: false },
    { text: "⟨U+202E⟩", hidden: true },
    { text: "b", hidden: false },
  ]);
  for (const hidden of ["\u200b", "\u2066", "\x1b", "\x00", "\ufeff", "\ud800", "\u{e0041}", "\x85", "\xad"]) {
    assert.ok(visible(hidden).every((part) => part.hidden), JSON.stringify(hidden));
  }
  assert.deepEqual(visible("\tã 漢 😀"), [{ text: "\tã 漢 😀", hidden: false }]);
  assert.deepEqual(visible(""), []);
  assert.equal(withoutAnsi("\x1b[31mred\x1b[0m \x1b]8;;http://x\x07link"), "red link");
});

test("a run takes news", () => {
  const run = told({ text: "a = 1\r" }, { text: "\nb = 2\rc", lines: [[1, 2, 5, ""]] });
  assert.deepEqual(run.lines, ["a = 1", "b = 2", "c"]);
  assert.equal(run.program, "a = 1\r\nb = 2\rc");
  assert.deepEqual([1, 2, 3].map((line) => run.mark(line).name), ["done", "done", "writing"]);
  run.take(news(3, { facts: { phase: "ok" } }));
  assert.equal(run.mark(3).name, "written");
  assert.equal(run.count, 3);
});

test("news that were missed are asked for, once", () => {
  const run = told({ text: "a" });
  let asked = 0;
  run.ask = () => asked++;
  run.take(news(3, { text: "c" }));
  run.take(news(4, { text: "d" }));
  assert.deepEqual([run.program, asked], ["a", 1]);
  run.take(news(5, { whole: true, text: "abcde", lines: [[1, 1, 4, ""]] }));
  assert.deepEqual([run.program, run.seq, run.mark(1).name], ["abcde", 5, "running"]);
  run.take(news(7));
  assert.equal(asked, 2);
});

test("a program is cut back and written on", () => {
  const run = told(
    { text: "a\nb\nc", lines: [[1, 3, 3, "why"]] },
    { cut: 2, text: "B\n" },
    { cut: 9, text: "C\n" },
  );
  assert.equal(run.program, "a\nB\nC\n");
  assert.deepEqual(run.lines, ["a", "B", "C", ""]);
  assert.deepEqual([run.mark(1).name, run.mark(2).name], ["held", "writing"]);
  assert.deepEqual([run.note(1), run.note(2)], ["why", ""]);
});

test("a reason stands at the first line of code that it is about", () => {
  const run = told({ text: "\n# c\nx = 1\n", lines: [[1, 3, 3, "why"]] });
  assert.deepEqual([1, 2, 3].map((line) => run.note(line)), ["", "", "why"]);
});

test("a kernel that is lost", () => {
  const run = told({ text: "a" });
  run.lose("gone");
  assert.deepEqual([run.live, phaseText(run)], [false, "lost"]);
  const ended = told({ facts: { phase: "ok" } });
  ended.lose("gone");
  assert.equal(phaseText(ended), "done");
});

test("lanes are told from where they changed", () => {
  const a = [0, 1, "generated", 0, 0, ""];
  const b = [1, 2, "generated", 0, 0, ""];
  const c = [1, 3, "generated", 0, 0, ""];
  const run = told({ lanes: { generation: [0, [a, b]] } }, { lanes: { generation: [1, [c]], unknown: [0, [a]] } });
  assert.deepEqual(run.lanes.generation, [a, c]);
});

test("the share that is hidden", () => {
  assert.equal(hiddenShare(told({})).share, null);
  assert.equal(hiddenShare(told({ facts: { phase: "ok", hidden: 1, execution: 4 } })).share, 0.25);
});

test("numbers for people", () => {
  assert.deepEqual([0, 0.0001, 0.02, 1.26, 250].map(seconds), ["0 s", "under 1 ms", "20 ms", "1.3 s", "250 s"]);
  assert.deepEqual([count(1, "line"), count(5000, "line")], ["1 line", "5,000 lines"]);
  assert.deepEqual([0, 0.7, 1, 39.1, 101].map(roundUp), [1, 0.8, 1, 40, 150]);
  assert.ok(ticks(4.2).length <= 9);
  assert.equal(ticks(4.2)[0].text, "0");
  assert.equal(MARKS.length, 9);
});

test("news that a program makes up cost no time, and draw nothing odd", () => {
  const run = told({ text: "a\nb\n" }, { lines: [[1, 1e15, 5, "x"], [2, 1e15, 99, ""]] });
  assert.equal(run.codes.length, 3);
  assert.equal(run.mark(1), MARKS[5]);
  assert.equal(run.mark(2), MARKS[0]);
  for (const odd of [null, undefined, 5, "news", { type: "news\n" }, { type: null }]) run.take(odd);
  assert.equal(run.program, "a\nb\n");
});

test("the steps before this one are a part of what is copied", () => {
  const steps = [
    { title: "Step 1", status: "ok", program: "a = 1\n", told: "" },
    { title: "Step 2", status: "ok", program: "b", told: "" },
  ];
  const run = told({ text: "c\n", facts: { phase: "ok", steps } });
  assert.equal(run.whole, "a = 1\n\nb\n\nc\n");
  assert.equal(told({ text: "c\n" }).whole, "c\n");
  for (const odd of [5, "x", [null, 5, { title: 1 }], { length: 9 }]) {
    assert.deepEqual(told({ facts: { phase: "ok", steps: odd } }).steps, []);
  }
});
