"""Random programs that run: what the fuzzer gives to both kernels.

The grammar is a table of templates. In a template

- ``$word`` stands for any template of that name; at the end of its budget of depth, for one of
  those that need no other (they come first);
- a line's leading tabs are its depth: they become the program's own indentation;
- ``¶`` is a newline inside a statement: what follows it is not indented.

Names are defined before they are used, as a rule, and each function has a name of its own, so
that nothing recurses. Loops are short. What `docs/equivalence.md` lists as a known limit is not
in the table: text that warns when it is compiled (`parses` finds what slips through), prompts
that begin later, programs that read their own ``In[-1]`` (a nested ``run_cell`` does, to see
whether it ends with a semicolon) or a clock. Sets of strings, ``id`` and ``hash`` are left out
too, as they differ between any two processes; and so is ``raise KeyboardInterrupt``, which always
ends the text of a stream, and a display while stdout is redirected, which no kernel orders.
"""

from __future__ import annotations

import re
import warnings
from ast import PyCF_ALLOW_TOP_LEVEL_AWAIT, PyCF_ONLY_AST
from typing import Any, Final

from hypothesis import strategies as st
from IPython.core.inputtransformer2 import TransformerManager

from eager_kernel.testing import Program

GRAMMAR: Final[dict[str, list[str]]] = {
    "leaf": ["0", "7", "-3", "1_000", "0x1f", "$a", "$a"],
    "int": [
        *("1", "$leaf", "$leaf", "$a", "$a", "True"),
        *("$int + $int", "($int - $int)", "$int % ($int or 5)", "$int // 2", "-$int", "~$int"),
        *("len($str)", "sum($list)", "max(0, $int)", "int('12')", "$list[0]", "{1: $int}[1]"),
        *("($int if $bool else $int)", "(lambda x, y=2: x + y)($int)", "(w := $int)"),
        *("(¶  $int¶  + $int  # c (¶)", "len([¶$int,  # one¶¶    $int,¶])", "sum((1,¶2))"),
        *("$call", "$call", "$await", "next(iter($list))", "$int if $int else (¶\t$int¶)"),
    ],
    "str": [
        *("''", "'a'", '"b;#c"', "'''d'''", '"""e¶  f¶"""', "'\\'q\\''", "r'\\g'", "$s", "$s"),
        *("'é中🎈'", "'''¶  ¶\t¶# h¶  '''", '"""¶else: pass¶"""', "'\\¶i'", "b'j'.decode()"),
        *("'a' 'b'", "('a'¶ 'b')", "'\u2028'", "'%s' % 'x'", "'{}'.format", "'```'", "'!?'"),
        *("f'{$leaf}'", 'f"{$leaf!r:>4}"', "f'{{}}{$leaf=}'", "f'{$leaf:0{3}d}'", "rf'\\{$leaf}'"),
        *("f'''¶{$leaf}¶  '''", "f\"{f'{$leaf}'}\"", "f'{[i for i in range(2)]}'", "f'{ {1: 2} }'"),
        *("$str + $str", "str($int)", "($str).upper()", "', '.join(map(str, $list))", "repr($str)"),
    ],
    "list": [
        *("[1, 2]", "[3]", "$u", "$u", "list(range(3))"),
        *("[$int, $int]", "[¶  $int,¶¶  $int,  # c¶]", "[i for i in $list if i % 2 or 1]"),
        "$list * 1",
        *("[x for x in [1, 2]¶ for y in (3,)]", "[*$list, $int]", "sorted($list)", "$list[::-1]"),
        *("list({$int: 1, **{2: 3}})", "[j := $int]", "list(map(lambda v: v + $leaf, $list))"),
        *("list(i for i in $list)", "[(a, b) for a, b in zip([1], [2])][0:1] and [4]"),
    ],
    "bool": [
        *("True", "False", "$a", "$int > $int", "0 < $int < 9", "not $bool", "$bool and $bool"),
        *("$int in $list", "isinstance($str, str)", "($bool¶or $bool)", "$str != 'z'"),
    ],
    "value": [
        *("$int", "$int", "$str", "$list", "$bool", "None", "...", "'text'", "5", "'a', 'b'"),
        *("{'k': $int}", "{$int, $int}", "($int, $str)", "lambda: 0", "{¶ 'k': [¶$int]¶}", "3.5"),
        *("range(3)", "_", "len(Out)", "sorted(k for k in dir() if len(k) == 1)", "type($int)"),
        *("$call", "[[$int] * 20] * 9", "1j", "b'x'", "$K_use", "(i for i in [])", "__doc__"),
    ],
    "simple": [
        *("$A = $int", "$A = $int", "$S = $str", "$U = $list", "print($value)"),
        "print($int, $str)",
        *("$value", "$value", "pass", "$A, $A = $int, $int", "$A = $A = $int", "$A: int = $int"),
        *("$A = \\¶    $int", "$A = $int + \\¶$int", "$S = $str", "print($str, end='')", "$A=$int"),
        *("print(¶    $int,¶    $str,¶)", "import math, json", "from math import (pi,¶  e)"),
        "$aug",
        *("assert $int is not None, $str", "$U = $list", "*_, $A = $list", "$A = yes = $int"),
        *("print($value, file=__import__('sys').stderr)", "display($value)", "$A = $call"),
        *("__import__('sys').stdout.write($str)", "print(__import__('sys')._getframe().f_lineno)"),
        *("$aug", "$aug", "exec($str and 'z = 1')", "eval('1 + 1')", "print('a', flush=True)"),
    ],
    "aug": ["pass"],  # replaced by `_Writer`: it needs a name of this scope
    "rare": [
        *("del $del", "raise ValueError($str)", "1 / 0", "missing", "assert False, $str", "[][1]"),
        *("raise KeyError($str) from None", "raise SystemExit"),
        "{}['k']",
        *("raise ExceptionGroup('g', [ValueError(1), TypeError($str)])", "int('x')", "input()"),
        *("return", "break", "yield 1", "continue", "nonlocal a", "import no_such_module", "''.no"),
        *("__import__('warnings').warn($str)", "raise ValueError('¶'.join('ab'))", "f(x=1, **{})"),
        *("from IPython.display import HTML; display(HTML('<b>'))", "x: int", "global g; g = 1"),
        *("from IPython.display import clear_output; clear_output()", "display(1, display_id='d')"),
        "get_ipython().ast_node_interactivity = 'all'",
        *("%env FUZZ=1", "!echo hi", "$U = !echo a b", "%who", "a?", "%no_such_magic", "$S = %pwd"),
        *("%sx echo 'c;#'", "!echo \\¶d", "$S = %env HOME?", "print?", "%cd -q .", "!!echo e"),
        "?int",
        *("!echo {1 + 1} {no}", "%pinfo no_such_name", "get_ipython().set_next_input('n')"),
        *("!exit 3", "$U = !exit 3", "%who_ls", "%whos", "%reset_selective -f z", "%pdoc int"),
        *("$f_or_int?", "a??", "%psource gen", "%pycat no.py", "%cd no_such_folder", "%%time"),
        *("raise SystemExit($int)", "import sys; sys.exit($str)", "raise Exception from OSError"),
        *("exec('1 /')", "eval('1 +')", "exec('raise OSError(1)')", "compile('a b', 'n', 'exec')"),
        *("globals()['g'] = $int", "locals() is globals()", "print(__name__)", "__file__"),
        "e = ValueError($str); e.add_note('note'); raise e",
        "from IPython.display import update_display; update_display($value, display_id='d')",
        "h = display($value, display_id=True); h.update($value)",
        "from IPython.display import JSON, Latex; display(JSON({'a': $int}), Latex('x^2'))",
        "display($value, $value, metadata={'m': 1})",
        "print(__import__('sys').exc_info())",
        "[print(i) for i in $list]",
        "import threading; th = threading.Thread(target=print, args=(1,)); th.start(); th.join()",
        "print('a', file=__import__('sys').stderr, end=''); print('b', end='')",
        "é = $int; ﬁ = é; print(fi, é)",
        "get_ipython().ast_node_interactivity = 'last_expr_or_assign'",
        "get_ipython().user_ns['g'] = $int",
        *("(yield)", "lambda: (yield 1)", "await 1", 'print(f"""{¶$int¶:>{¶5}}""")'),
        "type('T', (), {'__repr__': lambda s: 't'})()",
        "__import__('warnings').warn($str, DeprecationWarning, stacklevel=2)",
        "__import__('logging').warning($str)",
    ],
    "line": ["$simple", "$simple", "$simple", "$simple;", "$simple; $simple", "$simple ;"],
    "block": ["$line", "$line", "$line\n$line", "$stmt", "$stmt\n$line", "$stmt\n$stmt"],
    "body": ["$block", "'''doc¶    string'''\n$block", "# c\n$block"],
    "stmt": [
        *("$line", "$line", "$line", "$line", "if $bool:\n\t$block", "for i in $list:\n\t$loop"),
        *("if $bool: $simple", "if $bool: $simple; $simple", "if $bool: $simple\nelse: $simple;"),
        "if $bool:\n\t$block\nelse:\n\t$block",
        "if $bool:\n\t$block\nelif $bool:\n\t$block\nelif $bool: pass\nelse:\n\t$block",
        *("for $A in $list:\n\t$loop\nelse:\n\t$block", "for i in range(2): $simple; $simple"),
        "$W = 0\nwhile $w < 2:\n\t$w += 1\n\t$loop",
        "$W = 0\nwhile $w < 2:\n\t$w += 1\n\t$loop\nelse:\n\t$block",
        "try:\n\t$risk\nexcept Exception as e:\n\tprint(type(e), e)",
        "try: $simple\nfinally: pass",
        "try:\n\t$risk\nexcept ZeroDivisionError:\n\t$block\nfinally:\n\t$block",
        "try:\n\t$block\nexcept (TypeError, NameError):\n\tpass\nelse:\n\t$block\nfinally:\n"
        "\t$block",
        "try:\n\traise ExceptionGroup('g', [ValueError(1)])\nexcept* ValueError as g:\n\t$block",
        "try:\n\t$risk\nexcept Exception:\n\timport traceback; traceback.print_exc()",
        "try:\n\t$risk\nexcept Exception as e:\n\traise RuntimeError($str) from e",
        "with __import__('contextlib').nullcontext($int) as $A:\n\t$block",
        "from contextlib import suppress\nwith suppress(Exception), (¶  suppress(KeyError)¶):\n"
        "\t$risk",
        "import contextlib, io\nwith contextlib.redirect_stdout(io.StringIO()) as o: print($int)\n"
        "$line",
        "match $value:\n\tcase 0 | 1:\n\t\t$block\n\tcase [x, *y] if y:\n\t\t$block\n"
        "\tcase _: $simple",
        "match {'k': $int, 'l': $str}:\n\tcase {'k': int() as x, **rest} if x: $simple\n"
        "\tcase {} | None:\n\t\t$block",
        "if $bool and \\¶    $bool:\n\t$block\nelif \\¶  $bool: $simple",
        "for i, (j, *k) in enumerate([[$int, 2]]): $simple; $simple;",
        "try:\n\ttry:\n\t\t$risk\n\tfinally:\n\t\t$line\nexcept Exception as e:\n"
        "\tprint(repr(e.__context__))\nelse: $simple",
        "try:\n\t$risk\nexcept* ValueError: pass\nexcept* (TypeError, KeyError) as g:\n\t$block",
        "try: 1 / 0\nexcept ZeroDivisionError as e: kept = e\nraise kept",
        "with open('f.txt', 'a') as o:\n\to.write($str)\nopen('f.txt').read()",
        "import warnings\nwith warnings.catch_warnings():\n\twarnings.simplefilter('error')\n"
        "\twarnings.warn($str)",
        "match $int, $str:\n\tcase (int(), 'a'): pass\n\n\tcase _:\n\t\t$block",
        "$define",
        "$define",
        "$rare",
    ],
    "risk": ["$block", "1 / 0", "$block\n$rare", "int('x')", "$block\n1 / (¶0)", "[].pop()"],
    "loop": [
        *("$block", "$block", "$block\nif $bool: break", "if $bool:\n\tcontinue\n$block"),
        *("$block\nbreak", "$block\nif i == 1: continue\nelse: break"),
    ],
    "define": [
        "def $F(x=1, *y):\n\t$fbody\n\treturn x + $int",
        "def $F(x: int = 2, /, **k) -> int: return x * 2 + $leaf",
        "def $F(\n\t\tx=$int,  # first¶   y=2,\n):\n\t$fbody\n\treturn y",
        "$F = lambda x=3: x + $leaf",
        "def $F(x=1):\n\tn = x\n\tdef inner():\n\t\tnonlocal n\n\t\tn += 1\n\t\treturn n\n"
        "\treturn inner()",
        "def $F(x=0):\n\tglobal counted\n\tcounted = x\n\t$fbody\n\treturn counted",
        "import functools\n@functools.lru_cache(¶  None¶)\n\n# c\ndef $F(x=1):\n\t$fbody\n"
        "\treturn x",
        "def $F(x=4):\n\tif x:\n\t\treturn $int\n\treturn 1 / 0",
        "def $F(x=0):\n\traise LookupError(x)",
        "def gen(n):\n\tfor i in range(n):\n\t\tyield i\n\tyield from $list\n$U = list(gen(2))",
        "class $K:\n\tvalue = $int\n\n\tdef get(self):\n\t\treturn self.value\n$A = $k().get()",
        "class $K:\n\t'''doc'''\n\tdef __init__(self, v=$int): self.v = v\n\t$line\n"
        "\t@property\n\tdef p(self):\n\t\treturn self.v",
        "class $K(Exception): pass\ntry:\n\traise $k($str)\nexcept $k as e: print(repr(e))",
        "from dataclasses import dataclass\n@dataclass\nclass $K:\n\tv: int = $int\n$k()",
        "class $K:\n\tdef __repr__(self): return 'K\\n!'\n"
        "\tdef _repr_html_(self): return '<i>'\n$k()",
        "class $K:\n\tdef __repr__(self):\n\t\traise ValueError('bad repr')\n$k()",
        "class $K:\n\tdef __del__(self): print('gone')\n$k()\nprint(1)",
        "class $K:\n\tdef __enter__(self): return 1\n\tdef __exit__(self, *a): return True\n"
        "with $k() as $A:\n\t$risk",
        "from enum import Enum\nclass $K(Enum):\n\tA = $int\n\tB = 'b'\n$k.A",
        "from typing import NamedTuple\nclass $K(NamedTuple):\n\tx: int\n\ty: int = $int\n$k(1)",
        "class $K(type):\n\tdef __new__(m, n, b, d):\n\t\tprint(n)\n"
        "\t\treturn super().__new__(m, n, b, d)\nclass Made(metaclass=$k): x = $int",
        "class $K:\n\tdef __init_subclass__(cls, /, **k): print(cls.__name__, k)\n"
        "class Sub($k, tag=$int): pass",
        "class $K:\n\tdef __del__(self): print('gone')\nkept = $k(); kept = $k()\nkept = $int",
        "class $K:\n\tdef __repr__(self): print('asked'); return 'K'\n$k()\n$k(); $k()",
        "class $K:\n\tdef _ipython_display_(self): print('shown')\n$k()",
        "class $K:\n\tdef __getattr__(self, n): raise AttributeError(n)\n$k().missing",
        "def $F(g=None, *a): return g\n@$f\n# c\n@(lambda g: g)\ndef deco():\n\treturn $int\n"
        "deco()",
        "def closing():\n\ttry:\n\t\tyield $int\n\tfinally:\n\t\tprint('closed')\n"
        "for $A in closing():\n\tbreak",
        "import contextlib\n@contextlib.contextmanager\ndef cm():\n\tprint('in')\n\ttry:\n"
        "\t\tyield 1\n\tfinally:\n\t\tprint('out')\nwith cm() as $A, \\¶  cm():\n\t$risk",
        "def $F(n=3):\n\treturn $f(n - 1) if n > 0 else 1 // n",
        "class $K:\n\t$line\n\tclass Inner:\n\t\tx = $int",
    ],
    "coroutines": [
        "import asyncio\nawait asyncio.sleep(0)",
        "import asyncio\nasync def $Co(x=1):\n\tawait asyncio.sleep(0)\n\treturn x\n"
        "$A = await $co($int)",
        "import asyncio\nasync def $Co(x):\n\t$abody\n\treturn x\n"
        "print(await asyncio.gather($co(1), $co(2)))",
        "async def $Co(): return 5\nawait $co()",
        "import asyncio\nasync def $Co(x=1):\n\t$abody\n\treturn x\n"
        "task = asyncio.create_task($co(2)); $A = await task",
        "import asyncio\nawait asyncio.wait_for(asyncio.sleep(9), 0)",
        "async def $Co(x=1): return x\n[await $co(i) for i in range(2)]",
        "async def agen():\n\ttry:\n\t\tyield $int\n\tfinally:\n\t\tprint('end')\n"
        "{i: i async for i in agen()}",
        "import asyncio\nasync with asyncio.Lock():\n\t$line\n\tawait asyncio.sleep(0)",
        "import asyncio\nasync def $Co():\n\tawait asyncio.sleep(0)\n\traise KeyError('k')\n"
        "try: await $co()\nexcept KeyError as e: print(repr(e))\nfinally: await asyncio.sleep(0)",
        "import asyncio\nasync def $Co(): raise KeyError('k')\n"
        "async with asyncio.TaskGroup() as tg:\n\ttg.create_task($co())",
        "async def agen():\n\tfor i in range(2):\n\t\tyield i\nasync for i in agen():\n"
        "\t$line\nelse:\n\t$line",
        "async def agen():\n\tyield 1\n$U = [i async for i in agen()]",
        "from contextlib import asynccontextmanager\n@asynccontextmanager\nasync def acm():\n"
        "\tyield 3\nasync with acm() as $A, (¶acm()) as x:\n\t$line",
        "import asyncio\nasync with asyncio.timeout(9): $simple\n"
        "async def $Co(): raise OSError(1)\nawait $co()",
        "if $bool:\n\tasync def $Co(): return 6\n\tprint(await $co())",
        "import contextvars\ncv = contextvars.ContextVar('cv', default=0)\ncv.set($int)\n"
        "print(cv.get())",
    ],
    "inspect": [
        "import inspect\ndef $F(x=1):\n\t# c\n\treturn x\nprint(inspect.getsource($f))",
        "def $F(x=1):\n\treturn x.no\n\n$f()",
        "import sys\ndef $F(x=1):\n\tprint(sys._getframe(1).f_lineno)\n\treturn 1\n$f()¶+$f(¶)",
        "print($f_or_int)",
    ],
}  # fmt: skip

STARTS: Final = [
    *("", "", "", "", "", "", "", "\n", "\n \n", "# c\n", "# c\n\n\n", "'''doc'''\n", " # c\n"),
    *(
        "from __future__ import annotations\n",
        "# coding: utf-8\n",
        "%env FUZZ=0\n",
        "pass\n",
        "\t\n",
    ),
    *(
        "%%capture out\n",
        "%%writefile a.txt\n",
        "%%html\n",
        "#!shebang\n",
        ">>> 1\n",
        "In [1]: 2\n",
    ),
    *("%%no_such_cell_magic\n", "\\\n", "'doc'; ", "__import__('sys').ps1 = 1\n"),
]
ENDS: Final = [
    *("", "", "", "\n", "\n", ";", ";\n", " ;  # c\n", "  # c", "\n\n\n", "\n# c", "\n  ", "\n;"),
    *("\n    # c\n", "\n\t", "\n#", " \\\n", "?", "\n\n5", "\n'x'", "\nNone", "\n_", ";;"),
]
TRIVIA: Final = [
    *(
        "",
        "",
        "# c",
        "  ",
        "\t",
        "# it's; (",
        '# """',
        "    # deep",
        " # x?",
        "#",
        "# %magic",
        "\f",
    ),
    *("# else:", "# é", "        "),
]
BEFORE: Final = ["last_expr_or_assign", "last", "none", "all"]


class _Writer:
    """Writes one program. `known` are the names that are defined where it is at."""

    def __init__(self, draw: Any) -> None:
        self._draw = draw
        self._known: list[str] = []
        self._mine: set[str] = set()  # of `_known`, those of this scope
        self._new: list[str] = []  # defined when the line has ended
        self._numbers = 0
        self._awaits = True
        self._in_function = False

    def pick(self, options: Any) -> Any:
        return self._draw(st.sampled_from(options))

    def percent(self, percentage: int) -> bool:
        return bool(self._draw(st.integers(0, 99)) >= 100 - percentage)

    def expand(self, symbol: str, depth: int) -> str:
        """Write any template of a symbol."""
        special = getattr(self, f"_{symbol}", None)
        if special is not None:
            return str(special(depth))
        templates = GRAMMAR[symbol]
        if depth <= 0:
            templates = [t for t in templates if "\n" not in t][:6]
        template: str = self.pick(templates)
        return self._fill(template, depth - 1)

    def _fill(self, template: str, depth: int) -> str:
        lines, own = [], {}
        late: list[str] = []
        for line in template.split("\n"):
            tabs = "\t" * (len(line) - len(line.lstrip("\t")))

            def name(found: re.Match[str]) -> str:
                word = found[1]
                if word in ("F", "K", "Co", "W"):
                    self._numbers += 1
                    own[word.lower()] = f"{word.lower()}{self._numbers}"
                    (self._new if word == "W" else late).append(own[word.lower()])
                    return own[word.lower()]
                return own.get(word) or self.expand(word, depth)

            filled = re.sub(r"\$(\w+)", name, line.lstrip("\t"))
            lines += [tabs + part for part in filled.split("\n")]
            self._settle()
        self._new += late
        self._settle()
        return "\n".join(lines)

    def _settle(self) -> None:
        self._known += self._new
        self._mine.update(self._new)
        self._new.clear()

    # Names ------------------------------------------------------------------------------------

    def _use(self, names: str, otherwise: str) -> str:
        if self.percent(1):
            return "undefined"
        known = [name for name in self._known if name in names.split()]
        return self.pick(known) if known else otherwise

    def _bind(self, names: str) -> str:
        name: str = self.pick(names.split())
        self._new.append(name)
        return name

    def _a(self, depth: int) -> str:
        return self._use("a b c p q", "2")

    def _s(self, depth: int) -> str:
        return self._use("s t o", "'s'")

    def _u(self, depth: int) -> str:
        return self._use("u v r", "[5]")

    def _A(self, depth: int) -> str:  # noqa: N802 - the symbols that define are upper case
        return self._bind("p q" if self._in_function else "a b c")

    def _S(self, depth: int) -> str:  # noqa: N802
        return self._bind("o" if self._in_function else "s t")

    def _U(self, depth: int) -> str:  # noqa: N802
        return self._bind("r" if self._in_function else "u v")

    def _aug(self, depth: int) -> str:
        mine = [name for name in self._known if name in self._mine and name in "abcpq"]
        if not mine:
            return f"{self._A(0)} = 1"
        return (
            f"{self.pick(mine)} {self.pick(['+=', '-=', '|=', '^='])} {self.expand('int', depth)}"
        )

    def _del(self, depth: int) -> str:
        mine = [name for name in self._known if name in self._mine and len(name) == 1]
        name = self.pick(mine or ["nothing"])
        self._known = [known for known in self._known if known != name]
        return str(name)

    def _call(self, depth: int) -> str:
        functions = [name for name in self._known if re.fullmatch(r"f\d+", name)]
        if not functions or self._in_function:
            return "abs(-1)"
        return f"{self.pick(functions)}({self.pick(['', '', '1', '¶  2¶'])})"

    def _f_or_int(self, depth: int) -> str:
        functions = [name for name in self._known if re.fullmatch(r"f\d+", name)]
        return f"{self.pick(functions)}.__code__.co_firstlineno" if functions else "1"

    def _K_use(self, depth: int) -> str:  # noqa: N802
        classes = [name for name in self._known if re.fullmatch(r"k\d+", name)]
        return f"{self.pick(classes)}()" if classes else "object"

    def _await(self, depth: int) -> str:
        coroutines = [name for name in self._known if re.fullmatch(r"co\d+", name)]
        if not (coroutines and self._awaits):
            return "3"
        return f"(await {self.pick(coroutines)}())"

    # Scopes -----------------------------------------------------------------------------------

    def _scope(self, symbol: str, depth: int) -> str:
        """Write statements whose names do not outlive them: they may not run."""
        self._settle()
        known, mine = self._known[:], set(self._mine)
        text = self._fill(self.pick(GRAMMAR[symbol][: 2 if depth <= 0 else None]), depth - 1)
        self._known, self._mine = known, mine
        return text

    def _block(self, depth: int) -> str:
        return self._scope("block", depth)

    def _function(self, depth: int, *, awaits: bool) -> str:
        state = self._known[:], self._mine, self._awaits, self._in_function
        self._mine, self._awaits, self._in_function = set(), awaits, True
        text = self._scope("body", depth)
        self._known, self._mine, self._awaits, self._in_function = state
        return text

    def _fbody(self, depth: int) -> str:
        return self._function(depth, awaits=False)

    def _abody(self, depth: int) -> str:
        return self._function(depth, awaits=True)

    # The whole --------------------------------------------------------------------------------

    def program(self) -> str:
        """Write a program, with newlines as LF."""
        kinds = ["stmt"] * 7 + ["line"] * 3 + ["coroutines", "inspect"]
        lines: list[str] = []
        for _ in range(self._draw(st.integers(1, 7))):
            lines += self.expand(self.pick(kinds), 3).split("\n")
        unit = self.pick(["    ", "    ", "  ", "\t", " "])
        written: list[str] = []
        for number, line in enumerate(lines):
            bare = line.lstrip("\t")
            if self.percent(8):
                written.append(self.pick(TRIVIA))
            if self.percent(5) and not bare.endswith("?"):
                bare += self.pick(["  # c", " # it's", "#c;", "  "])
            if number and self.percent(1) and not line.startswith("\t"):
                bare = " " + bare  # an unexpected indent
            written.append(unit * (len(line) - len(line.lstrip("\t"))) + bare)
        text = "\n".join(written).replace("¶", "\n")
        if self.percent(1):
            text = "  " + text.replace("\n", "\n  ")
        end = str(self.pick(ENDS))
        if end == "?" and ";" in text.rpartition("\n")[2]:
            end = ""  # a known limit: IPython forgets what comes before the help
        return str(self.pick(STARTS)) + text + end


@st.composite
def texts(draw: Any) -> str:
    """Texts of programs; most run."""
    writer = _Writer(draw)
    text = writer.program()
    if writer.percent(6):
        text = _broken(draw, text)
    newline: str = writer.pick(["\n"] * 9 + ["\r\n"])
    return text.replace("\n", newline)


@st.composite
def programs(draw: Any) -> Program:
    """Programs, with the options of their requests."""
    text = draw(texts())
    writer = _Writer(draw)
    options: dict[str, Any] = {}
    if writer.percent(8):
        setting = writer.pick(BEFORE)
        options["before"] = (f"get_ipython().ast_node_interactivity = {setting!r}",)
    if writer.percent(3):
        options["silent"] = True
    if writer.percent(3):
        options["store_history"] = False
    if writer.percent(10):
        options["expressions"] = {"a": "a", "last": "_"}
    if writer.percent(10):
        options["after"] = ("_", "1 + 1; __doc__")
    return Program("fuzz", text, **options)


def parses(text: str) -> bool | None:
    """Whether a stock kernel finds a program in `text`.

    None where the two are known to differ: compiling it warns; or it awaits, but a statement
    does not compile (a `return` outside a function), for then a stock kernel does not see that
    it awaits, and runs it without an event loop.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            cell = TransformerManager().transform_cell(text)
            tree = compile(cell, "<fuzz>", "exec", _FLAGS | PyCF_ONLY_AST, dont_inherit=True)
        except _NO_PROGRAM:
            return None if caught else False
        try:
            compile(tree, "<fuzz>", "exec", _FLAGS, dont_inherit=True)
        except _NO_PROGRAM:
            if "await" in cell or "async" in cell:
                return None
    return None if caught else True


def _broken(draw: Any, text: str) -> str:
    """Drop, repeat or replace one token. Loops must end, so they are left alone."""
    if "while" in text:
        return text
    tokens = re.findall(r"\w+|[^\S\n]+|\n|[^\w\s]", text)
    at = draw(st.integers(0, len(tokens) - 1)) if tokens else 0
    instead = ["", tokens[at] * 2, *_TOKENS] if tokens else [""]
    tokens[at : at + 1] = [draw(st.sampled_from(instead))]
    return "".join(tokens)


_TOKENS: Final = [
    *"()[]{}:;,.'\"\\#=@%!?",
    "\n",
    " ",
    "\n\n",
    "else",
    "in",
    "'''",
    "1",
    "def",
    "+=",
]
_FLAGS: Final = PyCF_ALLOW_TOP_LEVEL_AWAIT
_NO_PROGRAM: Final = (SyntaxError, ValueError, OverflowError)
