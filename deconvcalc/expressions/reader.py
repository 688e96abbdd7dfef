"""Text as targets and conditions in n: `2n`, `ceil(n/2)`, `n % 2 == 0`. It is never evaluated."""

from __future__ import annotations

import re
from functools import cache
from math import gcd
from typing import Any, TypeVar

from deconvcalc.errors import NotationError
from deconvcalc.expressions.program import (
    COMPARISONS,
    LEVELS,
    MOST_DIGITS,
    OPERATIONS,
    PREFIXES,
    Code,
    Condition,
    Expression,
    Program,
    number_of,
)

__all__ = [
    "DEEPEST",
    "LONGEST",
    "MOST_EXTREMES",
    "MOST_STEPS",
    "MOST_TOKENS",
    "parse_condition",
    "parse_target",
]

LONGEST = 10_000
"""How many characters a text may have."""

MOST_TOKENS = 1_000
"""How many numbers, names and signs a text may have."""

DEEPEST = 50
"""How many brackets may be open at once."""

MOST_STEPS = 20
"""How many floors, ceilings, remainders, minima and maxima may stand inside one another.

sympy's work on them grows faster than their number; so does that on minima and maxima.
"""

MOST_EXTREMES = 8
"""How many times two sizes may be compared by min or max."""

P = TypeVar("P", bound="Program")


def parse_target(text: str) -> Expression:
    """Read a size in n.

    Integers, `n`, `+ - * // %` as in Python, brackets, `2n` and `3(n+1)`, `floor(n/2)`,
    `ceil((n+1)/2)`, `min(n, 7)`, `max(1, n-2)`, powers of constants; `×`, `⌊n/2⌋` and `⌈n/2⌉` too.
    One side of a product and every divisor is a constant.

    Args:
        text: at most 10,000 characters, with numbers of at most 100 digits.

    Raises:
        NotationError: text that the grammar does not know, with a caret under the fault.
        TypeError: `text` is no string.

    >>> print(parse_target("3(n+1)//2"), parse_target("3(n+1)//2").evaluate(4))
    3*(n + 1)//2 7
    """
    reader = _Reader(_string(text, "parse_target"))
    term = reader.read()
    if term.boolean:
        raise reader.fail(
            "a target is a size, and this is a condition",
            term.position,
            rule="target",
            hint="Give the size alone, for example 2*n.",
        )
    return reader.checked(Expression(term.code))


def parse_condition(text: str) -> Condition:
    """Read a condition on n.

    Sizes as `parse_target` reads them, compared by `== != < <= > >=`, in chains too; `and`, `or`,
    `not`, brackets; `n odd`, `n even`, `n ≡ 1 (mod 4)`.

    Args:
        text: at most 10,000 characters, with numbers of at most 100 digits.

    Raises:
        NotationError: text that the grammar does not know, with a caret under the fault.
        TypeError: `text` is no string.

    >>> print(parse_condition("n ≡ 1 (mod 4) or n < 3"))
    n % 4 == 1 or n < 3
    """
    reader = _Reader(_string(text, "parse_condition"))
    term = reader.read()
    if not term.boolean:
        raise reader.fail(
            "this is a size, and not yet a condition",
            len(text),
            rule="condition",
            hint="Compare it, for example n % 2 == 0.",
        )
    return reader.checked(Condition(term.code))


def _string(text: Any, function: str) -> str:
    if not isinstance(text, str):
        raise TypeError(f"{function} reads text, not {type(text).__name__}")
    return text


class _Token:
    """A number, a name or a sign, as the grammar spells it, and where it stands."""

    __slots__ = ("kind", "position", "text")

    def __init__(self, kind: str, text: str, position: int) -> None:
        self.kind = kind
        self.text = _SPELLINGS.get(text, text)
        self.position = position


class _Mark:
    """An operator that waits for its right side, or an open bracket."""

    __slots__ = ("commas", "position", "symbol")

    def __init__(self, symbol: str, position: int) -> None:
        self.symbol = symbol
        self.position = position
        self.commas = 0


class _Term:
    """What has been read: a size, a fraction that waits for its floor, or a condition.

    `steps` is how many floors stand inside one another, `position` where the outermost operator
    stands, and `slash` the last `/` of a fraction. `tail` is the right side of a comparison, where
    a chain goes on.
    """

    __slots__ = ("boolean", "code", "denominator", "position", "slash", "steps", "tail")

    def __init__(self, code: Code, position: int, steps: int = 0, *, boolean: bool = False) -> None:
        self.code = code
        self.position = position
        self.steps = steps
        self.boolean = boolean
        self.denominator = 1
        self.slash = 0
        self.tail: Code | None = None

    @property
    def number(self) -> int | None:
        """The constant that it is, its numerator for a fraction; or None."""
        return number_of(self.code)


class _Reader:
    """Reads one text from left to right, with a stack of terms and one of marks."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = self.scan()
        self.index = 0
        self.terms: list[_Term] = []
        self.marks: list[_Mark] = []
        self.wants = True  # an operand, and no operator

    def fail(
        self, message: str, position: int, rule: str | None = None, hint: str | None = None
    ) -> NotationError:
        """The error with its caret."""
        return NotationError(message, text=self.text, position=position, rule=rule, hint=hint)

    def scan(self) -> list[_Token]:
        """The tokens of the text, and one for its end. The limits are checked here."""
        if not self.text.strip():
            raise self.fail("there is no text to read", 0, rule="text", hint=_EXAMPLES)
        if over := _over(self.text):
            raise self.fail(f"the text has {over[0]}", over[1], rule="limit")
        tokens = [
            _Token(str(match.lastgroup), match[0], match.start())
            for match in _token().finditer(self.text)
        ]
        return [*tokens, _Token("end", "", len(self.text))]

    def checked(self, value: P) -> P:
        """The value, if it stays within the limits when it is written out."""
        if sum([item in ("min", "max") for item in value.code]) > MOST_EXTREMES:
            position = next(t.position for t in self.tokens if t.text in ("min", "max"))
            message = f"min and max compare sizes more than {MOST_EXTREMES} times"
            raise self.fail(message, position, rule="limit")
        if over := _over(str(value)):
            raise self.fail(f"written out in full, the text has {over[0]}", 0, rule="limit")
        return value

    def read(self) -> _Term:
        """The one term that the text is."""
        while True:
            token = self.next()
            if self.wants:
                self.operand(token)
            elif token.kind == "end":
                break
            else:
                self.operator(token)
        self.reduce(1)
        if self.marks:
            mark = self.marks[-1]
            end = _CLOSERS[mark.symbol]
            raise self.fail(
                f"this bracket is never closed: {end!r} is missing", mark.position, rule="brackets"
            )
        return self.whole(self.terms.pop())

    def next(self) -> _Token:
        """Step over a token."""
        self.index += 1
        return self.tokens[self.index - 1]

    # Where a number, n or a bracket is expected.

    def operand(self, token: _Token) -> None:
        """Read what may stand where a term begins."""
        text = token.text
        if token.kind == "number" or text == "n":
            code: Code = ("n",) if text == "n" else (int(text),)
            self.terms.append(_Term(code, token.position))
            self.wants = False
        elif text in _FUNCTIONS:
            if self.next().text != "(":
                raise self.fail(
                    f"{text} is a function", token.position, rule=text, hint=_FUNCTIONS[text]
                )
            self.marks.append(_Mark(text, token.position))
        elif text in _OPENERS:
            self.marks.append(_Mark(text, token.position))
        elif text in _SIGNS:
            self.marks.append(_Mark(_SIGNS[text], token.position))
        else:
            raise self.missing(token)

    def missing(self, token: _Token) -> NotationError:
        """No term begins here."""
        if token.kind == "end":
            message = "the text ends where a number, n or a bracket is missing"
            return self.fail(message, token.position, rule="operand", hint=_EXAMPLES)
        return self.strange(token) or self.fail(
            f"a number, n or a bracket is missing before {token.text!r}",
            token.position,
            rule="operand",
            hint=_EXAMPLES,
        )

    def strange(self, token: _Token) -> NotationError | None:
        """The error for a token that stands nowhere in the grammar."""
        text, position = token.text, token.position
        if token.kind == "decimal":
            hint = "Sizes are integers: write n//2 for a half rounded down, ceil(n/2) for up."
            return self.fail(f"{_short(text)} is no integer", position, rule="integer", hint=hint)
        if token.kind == "name" and text not in _WORDS:
            if self.tokens[self.tokens.index(token) + 1].text == "(":
                hint = f"Known are: {', '.join(_FUNCTIONS)}."
                message = f"{_short(text)} is no function that is known here"
                return self.fail(message, position, rule="function", hint=hint)
            hint = "The input size is called n."
            return self.fail(f"{_short(text)} is not known here", position, rule="name", hint=hint)
        if token.kind == "other":
            shown = text if text.isprintable() else ascii(text)[1:-1]
            message = f"{shown} has no meaning here"
            return self.fail(message, position, rule="character", hint=_ADVICE.get(text))
        return None

    # Where an operator is expected.

    def operator(self, token: _Token) -> None:
        """Read what may stand behind a term."""
        text = token.text
        if text in LEVELS and text not in PREFIXES:
            self.operate(text, token.position)
        elif text in _CLOSED_BY:
            self.close(token)
        elif text == ",":
            self.comma(token)
        elif text in ("is", "odd", "even"):
            self.parity(token)
        elif text == "mod" or (text == "(" and self.tokens[self.index].text == "mod"):
            self.congruence(token)
        elif token.kind == "name" or text in _OPENERS:
            self.juxtapose(token)
        else:
            raise self.strange(token) or self.apart(token)

    def operate(self, symbol: str, position: int) -> None:
        """An operator between two terms. What binds at least as tightly is done first."""
        self.reduce(LEVELS[symbol] + (symbol == "**"))
        self.marks.append(_Mark(symbol, position))
        self.wants = True

    def apart(self, token: _Token) -> NotationError:
        """Two terms stand side by side."""
        return self.fail(
            f"an operator is missing before {token.text!r}",
            token.position,
            rule="operator",
            hint="Write a product with a *.",
        )

    def juxtapose(self, token: _Token) -> None:
        """A number right before a name or a bracket is a product: 2n, 3(n+1)."""
        if error := self.strange(token):
            raise error
        if self.tokens[self.index - 2].kind != "number" or token.text in _WORDS - _STARTS:
            raise self.apart(token)
        if self.marks and self.marks[-1].symbol in ("//", "%", "/", "**"):
            raise self.fail(
                f"a product without * behind {self.marks[-1].symbol} can be read in two ways",
                token.position,
                rule="operator",
                hint="Write the * and brackets.",
            )
        self.operate("juxtaposed", token.position)
        self.index -= 1

    def comma(self, token: _Token) -> None:
        """A comma ends an argument of min or max."""
        self.reduce(1)
        name = self.marks[-1].symbol if self.marks else ""
        if name not in ("min", "max"):
            known = name in _FUNCTIONS
            message = f"{name} takes one size" if known else "a comma has no place here"
            hint = _FUNCTIONS.get(name, "Commas stand between the sizes of min and max.")
            raise self.fail(message, token.position, rule="comma", hint=hint)
        self.argument(self.marks[-1])
        self.marks[-1].commas += 1
        self.wants = True

    def argument(self, mark: _Mark) -> None:
        """Another argument of min or max: compared with those before."""
        right = self.size(self.terms.pop(), mark)
        if mark.commas:
            left = self.terms.pop()
            right = self.joined(mark, left, right, step=1)
        self.terms.append(right)

    def close(self, token: _Token) -> None:
        """A bracket is closed."""
        self.reduce(1)
        if not self.marks:
            raise self.fail("this bracket was never opened", token.position, rule="brackets")
        mark = self.marks.pop()
        if _CLOSERS[mark.symbol] != token.text:
            raise self.fail(
                f"{mark.symbol!r} is closed by {_CLOSERS[mark.symbol]!r}, not by {token.text!r}",
                token.position,
                rule="brackets",
            )
        if mark.symbol in ("min", "max"):
            if not mark.commas:
                raise self.fail(
                    f"{mark.symbol} takes two sizes or more",
                    mark.position,
                    rule=mark.symbol,
                    hint=_FUNCTIONS[mark.symbol],
                )
            self.argument(mark)
        elif mark.symbol != "(":
            self.round(mark)
        self.terms[-1].tail = None  # what stands in brackets is no chain that goes on

    def round(self, mark: _Mark) -> None:
        """The floor or the ceiling of a fraction."""
        term = self.terms[-1]
        self.check(mark, term, boolean=False)
        if term.denominator > 1:
            divisor = _Term((term.denominator,), mark.position)
            symbol = "//" if mark.symbol in ("floor", "⌊") else "ceil"
            term.denominator = 1
            self.terms[-1] = self.joined(_Mark(symbol, mark.position), term, divisor, step=1)

    def parity(self, token: _Token) -> None:
        """`n odd`, `n is even`."""
        self.reduce(LEVELS["=="])
        word = self.next() if token.text == "is" else token
        if word.text not in ("odd", "even"):
            raise self.fail(
                "'odd' or 'even' is missing", word.position, rule="is", hint="Write n is odd."
            )
        left = self.size(self.terms.pop(), _Mark(word.text, word.position))
        rest = self.joined(_Mark("%", word.position), left, _Term((2,), 0), step=1)
        parity = _Term((int(word.text == "odd"),), 0)
        self.terms.append(self.joined(_Mark("==", word.position), rest, parity, boolean=True))

    def congruence(self, token: _Token) -> None:
        """The `(mod 4)` of `n ≡ 1 (mod 4)`."""
        self.reduce(LEVELS["=="] + 1)
        if not self.marks or self.marks[-1].symbol != "≡":
            hint = "Write n % 4 for the remainder, n ≡ 1 (mod 4) for the condition."
            raise self.fail("mod belongs to ≡", token.position, rule="mod", hint=hint)
        if token.text == "(":
            self.next()
        number = self.next()
        if number.kind != "number" or not int(number.text):
            message, hint = "the modulus must be a positive integer", "For example: n ≡ 1 (mod 4)."
            raise self.fail(message, number.position, rule="mod", hint=hint)
        if token.text == "(" and (end := self.next()).text != ")":
            raise self.fail("')' is missing", end.position, rule="brackets")
        mark = self.marks.pop()
        right = self.size(self.terms.pop(), mark)
        left = self.size(self.terms.pop(), mark)
        by, modulus = _Mark("%", mark.position), _Term((int(number.text),), number.position)
        sides = [self.joined(by, side, modulus, step=1) for side in (left, right)]
        self.terms.append(self.joined(_Mark("==", mark.position), *sides, boolean=True))

    # What the operators mean.

    def reduce(self, level: int) -> None:
        """Apply the marks that bind at least as tightly as `level`, the last one first."""
        while self.marks and LEVELS.get(self.marks[-1].symbol, 0) >= level:
            mark = self.marks.pop()
            right = self.terms.pop()
            if mark.symbol in PREFIXES:
                self.terms.append(self.prefixed(mark, right))
            else:
                self.terms.append(self.applied(mark, self.terms.pop(), right))

    def prefixed(self, mark: _Mark, term: _Term) -> _Term:
        """A sign, or `not`, and its term."""
        self.check(mark, term, boolean=mark.symbol == "not")
        if mark.symbol == "not":
            term.code = (*term.code, "not")
        elif mark.symbol == "negative":
            number = term.number
            if number is not None:
                term.code = (-number,)
            elif term.code[-1] == "negative":
                term.code = term.code[:-1]
            else:
                term.code = (*term.code, "negative")
        term.position = mark.position
        return term

    def applied(self, mark: _Mark, left: _Term, right: _Term) -> _Term:
        """An operator and its two terms."""
        symbol = mark.symbol
        self.check(mark, right, boolean=symbol in ("and", "or"))
        if symbol in COMPARISONS:
            return self.compared(mark, left, right)
        self.check(mark, left, boolean=right.boolean)
        if right.boolean:
            return self.joined(mark, left, right, boolean=True)
        if symbol in ("+", "-"):
            return self.added(mark, left, right)
        if symbol in ("*", "juxtaposed"):
            return self.multiplied(_Mark("*", mark.position), left, right)
        if symbol == "/":
            return self.divided(mark, left, right)
        left, right = self.whole(left), self.whole(right)
        if symbol == "**":
            return self.raised(mark, left, right)
        self.divisor(mark, right)
        return self.joined(mark, left, right, step=1)

    def compared(self, mark: _Mark, left: _Term, right: _Term) -> _Term:
        """A comparison, which may go on a chain: a < b < c is a < b and b < c."""
        if mark.symbol == "≡":
            hint = "Write n ≡ 1 (mod 4), or n % 4 == 1."
            raise self.fail("≡ needs its modulus", mark.position, rule="mod", hint=hint)
        right = self.size(right, mark)
        if left.tail is None:
            result = self.joined(mark, self.size(left, mark), right, boolean=True)
        else:
            link = (*left.tail, *right.code, mark.symbol)
            steps = max(left.steps, right.steps)
            result = _Term((*left.code, *link, "and"), mark.position, steps, boolean=True)
        result.tail = right.code
        return result

    def added(self, mark: _Mark, left: _Term, right: _Term) -> _Term:
        """A sum or a difference, of fractions too."""
        common = left.denominator * right.denominator // gcd(left.denominator, right.denominator)
        sides = []
        for term in (left, right):
            factor = common // term.denominator
            times = _Mark("*", mark.position)
            scaled = self.joined(times, term, _Term((factor,), 0)) if factor > 1 else term
            sides.append(scaled)
        number = sides[1].number
        if number is not None and number < 0:  # n + -1 is n - 1
            mark = _Mark("-" if mark.symbol == "+" else "+", mark.position)
            sides[1] = _Term((-number,), sides[1].position)
        return self.fraction(self.joined(mark, *sides), common, max(left.slash, right.slash))

    def multiplied(self, mark: _Mark, left: _Term, right: _Term) -> _Term:
        """A product, of fractions too; one of the two is a constant."""
        if left.number is None and right.number is None:
            raise self.fail(
                "one side of a product must be a constant",
                mark.position,
                rule="product",
                hint="Sizes are sums, multiples and floors: n*n is none.",
            )
        common = left.denominator * right.denominator
        product = self.joined(mark, left, right)
        return self.fraction(product, common, max(left.slash, right.slash))

    def divided(self, mark: _Mark, left: _Term, right: _Term) -> _Term:
        """A fraction, which waits for its floor or ceiling."""
        by = self.divisor(mark, self.whole(right))
        result = _Term(left.code, mark.position, left.steps)
        return self.fraction(result, left.denominator * by, mark.position)

    def fraction(self, term: _Term, denominator: int, slash: int) -> _Term:
        """The term over a denominator."""
        self.bounded(denominator, slash)
        term.denominator, term.slash = denominator, slash
        return term

    def divisor(self, mark: _Mark, term: _Term) -> int:
        """The positive constant behind a `//`, `%` or `/`."""
        number = term.number
        if number is None or number < 1:
            raise self.fail(
                f"what {mark.symbol} divides by must be a positive constant",
                mark.position,
                rule="divisor",
                hint="For example: n//2, n % 4, ceil(n/2).",
            )
        return number

    def raised(self, mark: _Mark, left: _Term, right: _Term) -> _Term:
        """A power of constants."""
        base, exponent = left.number, right.number
        if base is None or exponent is None or exponent < 0:
            raise self.fail(
                "a power takes constants, and an exponent of at least 0",
                mark.position,
                rule="power",
                hint="For example: 2**5.",
            )
        if abs(base) > 1 and exponent > 4 * MOST_DIGITS:
            self.bounded(10**MOST_DIGITS, mark.position)
        return _Term((self.bounded(base**exponent, mark.position),), mark.position)

    def joined(
        self, mark: _Mark, left: _Term, right: _Term, *, step: int = 0, boolean: bool = False
    ) -> _Term:
        """The term of an operation; constants are worked out."""
        steps = max(left.steps, right.steps) + step
        a, b = left.number, right.number
        if a is not None and b is not None and not boolean:
            value = self.bounded(OPERATIONS[mark.symbol](a, b), mark.position)
            return _Term((value,), mark.position)
        if steps > MOST_STEPS:
            raise self.fail(
                f"more than {MOST_STEPS} floors, ceilings, remainders, minima or maxima "
                "stand inside one another",
                mark.position,
                rule="limit",
            )
        code = (*left.code, *right.code, mark.symbol)
        return _Term(code, mark.position, steps, boolean=boolean)

    def bounded(self, number: int, position: int) -> int:
        """The number, if it has at most as many digits as one that is written."""
        if abs(number) >= 10**MOST_DIGITS:
            raise self.fail(
                f"a number with more than {MOST_DIGITS} digits comes out here",
                position,
                rule="limit",
            )
        return number

    def size(self, term: _Term, mark: _Mark) -> _Term:
        """The term, which must be a size and no fraction."""
        self.check(mark, term, boolean=False)
        return self.whole(term)

    def whole(self, term: _Term) -> _Term:
        """The term, which must be no fraction."""
        if term.denominator > 1:
            raise self.fail(
                "/ stands only inside floor(...) or ceil(...)",
                term.slash,
                rule="/",
                hint="Write // for a division rounded down, or ceil(n/2).",
            )
        return term

    def check(self, mark: _Mark, term: _Term, *, boolean: bool) -> None:
        """Sizes are added and compared; conditions are joined by and, or, not."""
        if term.boolean == boolean:
            return
        name = {"negative": "-", "positive": "+", "juxtaposed": "a product"}.get(mark.symbol)
        name = name or mark.symbol
        if boolean:
            message, hint = f"{name} joins conditions", "Compare the size, for example n > 3."
        else:
            message, hint = f"{name} takes sizes", "A condition cannot be counted with."
        got = "size" if boolean else "condition"
        raise self.fail(f"{message}, and gets a {got}", mark.position, rule=name, hint=hint)


@cache
def _token() -> re.Pattern[str]:
    """What a token looks like; compiled when the first text is read."""
    return re.compile(
        r"(?P<decimal>[0-9]*\.[0-9]+|[0-9]+\.)|(?P<number>[0-9]+)|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
        r"|(?P<sign>\*\*|//|==|!=|<=|>=|[-+*/%(),<>×·⋅−–÷≤≥≠≡⌊⌋⌈⌉])|(?P<other>\S)"
    )


_SPELLINGS = {"×": "*", "·": "*", "⋅": "*", "−": "-", "–": "-", "÷": "/"} | {
    "≤": "<=",
    "≥": ">=",
    "≠": "!=",
}
"""How the grammar spells what people write."""

_SIGNS = {"-": "negative", "+": "positive", "not": "not"}
_CLOSERS = {"⌊": "⌋", "⌈": "⌉"} | dict.fromkeys(("(", "floor", "ceil", "min", "max"), ")")
_OPENERS = frozenset("(⌊⌈")
_CLOSED_BY = frozenset(")⌋⌉")
_FUNCTIONS = {
    "ceil": "For example: ceil(n/2).",
    "floor": "For example: floor(n/2).",
    "max": "For example: max(n, 7).",
    "min": "For example: min(n, 7).",
}
_STARTS = _FUNCTIONS.keys() | {"n"}
_WORDS = _STARTS | {"and", "or", "not", "is", "odd", "even", "mod"}
_EXAMPLES = "For example: 2n, ceil(n/2), n + 1."
_ADVICE = {
    "^": "A power of constants is written 2**5.",
    "=": "Two sizes are compared by ==.",
    "!": "Write not, or !=.",
    "&": "Write and.",
    "|": "Write or.",
    "[": "Use round brackets.",
    "{": "Use round brackets.",
    "²": "A power of constants is written 2**5.",
}


def _over(text: str) -> tuple[str, int] | None:
    """The limit that a text is over, and where; or None."""
    if len(text) > LONGEST:
        return f"more than {LONGEST} characters", LONGEST
    depth = 0
    for count, match in enumerate(_token().finditer(text)):
        found = match[0]
        depth += (found in _OPENERS) - (found in _CLOSED_BY)
        if depth > DEEPEST:
            return f"more than {DEEPEST} open brackets", match.start()
        if found[0].isdigit() and len(found) > MOST_DIGITS:
            return f"a number with more than {MOST_DIGITS} digits", match.start()
        if count >= MOST_TOKENS:
            return f"more than {MOST_TOKENS} numbers, names and signs", match.start()
    return None


def _short(name: str) -> str:
    return name if len(name) <= 40 else name[:40] + "..."
