"""Forms: how the text of a fact is made of what stands at its places.

A form is a name and, after a colon, an argument: "amount:native" adds up base units and writes them as that asset.
"line" is the number of a row, from 1, which its place itself says.
Invariant: a form is a pure function of the places' values and the assets of the statement; the report and its lint both
call `show`, and nothing else makes a fact's text. Base units are whole numbers throughout, values are decimals.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from dyepack.errors import DyepackError
from dyepack.report.document.places import find
from dyepack.report.words import Names, share, stop_words, utc
from dyepack.valuation.model import money

if TYPE_CHECKING:
    from dyepack.report.document.material import Material
    from dyepack.tracing.statement import Statement

Values = list[list[Any]]
Form = Callable[[Values, str, Names], str]


class KnownNames(Names):
    """Names that are worked out once: a report writes each asset many times."""

    def __init__(self, statement: Statement) -> None:
        super().__init__(statement)
        self._symbols: dict[str, str] = {}

    def symbol(self, key: str) -> str:
        """A name for the asset that no other asset of the statement bears."""
        if key not in self._symbols:
            self._symbols[key] = super().symbol(key)
        return self._symbols[key]


def show(material: Material, refs: tuple[str, ...], form: str, names: Names) -> str:
    """The text that a form makes of what is at these places."""
    name, _, argument = form.partition(":")
    values = [find(material.files, ref) for ref in refs]
    if name == "line":
        return f"{int(refs[0].split('/')[1]) + 1:,}"
    try:
        return FORMS[name](values, argument, names)
    except (KeyError, ValueError, TypeError, IndexError, ArithmeticError) as fault:
        raise DyepackError(
            f"the report cannot show {refs} as {form} ({fault!r})",
            remedy="this is a fault in dyepack; please report it with the case folder",
        ) from fault


def total(values: Values) -> int:
    """The sum of base units at all places."""
    return sum(int(value) for found in values for value in found)


def _flat(values: Values) -> list[str]:
    return [str(value) for found in values for value in found]


def _one(values: Values, _: str, __: Names) -> str:
    (found,) = _flat(values)
    return found


def _amount(values: Values, asset: str, names: Names) -> str:
    return names.exact(asset, total(values))


def _brief(values: Values, asset: str, names: Names) -> str:
    return names.brief(asset, total(values))


def _number(values: Values, asset: str, names: Names) -> str:
    return names.number(asset, total(values))


def _least(values: Values, asset: str, names: Names) -> str:
    return names.exact(asset, min(total([found]) for found in values))


def _most(values: Values, asset: str, names: Names) -> str:
    return names.exact(asset, max(total([found]) for found in values))


def _interval(values: Values, asset: str, names: Names) -> str:
    sums = [total([found]) for found in values]
    low, high = names.exact(asset, min(sums)), names.exact(asset, max(sums))
    return low if low == high else f"{names.number(asset, min(sums))} – {high}"


def _share(values: Values, parts: str, _: Names) -> str:
    count = int(parts)
    return share(total(values[:count]), total(values[count:]))


def _symbol(_: Values, asset: str, names: Names) -> str:
    return names.symbol(asset)


def _whole(values: Values, _: str, __: Names) -> str:
    return f"{total(values):,}"


def _count(values: Values, _: str, __: Names) -> str:
    return f"{sum(len(found) for found in values):,}"


def _count_and(values: Values, _: str, __: Names) -> str:
    """A number, and as many more as stand at the other places."""
    return f"{total(values[:1]) + sum(len(found) for found in values[1:]):,}"


def _kinds(values: Values, _: str, __: Names) -> str:
    return f"{len(set(_flat(values)) - {''}):,}"


def _time(values: Values, _: str, __: Names) -> str:
    return utc(_one(values, _, __))


def _first(values: Values, _: str, __: Names) -> str:
    return utc(min((t for t in _flat(values) if t), default=""))


def _last(values: Values, _: str, __: Names) -> str:
    return utc(max((t for t in _flat(values) if t), default=""))


def _span(values: Values, _: str, __: Names) -> str:
    """Fewest and most, as hops are: one number where they are the same."""
    return "–".join(dict.fromkeys(_flat(values)))


def _stop(values: Values, direction: str, _: Names) -> str:
    return stop_words(_one(values, "", _), backward=direction == "backward")


def _money(values: Values, currency: str, _: Names) -> str:
    return money(sum((Decimal(v) for v in _flat(values)), Decimal(0)), currency)


def _price(values: Values, _: str, __: Names) -> str:
    value, currency = _flat(values)
    return f"{Decimal(value):f} {currency}"


def _rate(values: Values, _: str, __: Names) -> str:
    value, base, quote = _flat(values)
    return f"{Decimal(value):.6f} {quote} for one {base}"


def _hundredths(values: Values, currency: str, _: Names) -> str:
    from dyepack.incidents.amounts import show_amount

    return show_amount(total(values), currency)


def _code(values: Values, _: str, __: Names) -> str:
    from dyepack.incidents.vocabulary import CODES

    return CODES.get(_one(values, _, __), _one(values, _, __))


def _actor(values: Values, _: str, __: Names) -> str:
    from dyepack.incidents.vocabulary import ACTORS

    return ACTORS.get(_one(values, _, __), _one(values, _, __))


def _firmness(values: Values, _: str, __: Names) -> str:
    from dyepack.incidents.vocabulary import CONFIDENCE

    word = _one(values, _, __)
    return f"{word}: {CONFIDENCE[word]}" if word in CONFIDENCE else word


def _priced(values: Values, _: str, __: Names) -> str:
    from dyepack.incidents.vocabulary import PRICED

    return PRICED.get(_one(values, _, __), _one(values, _, __))


def _listed(values: Values, _: str, __: Names) -> str:
    return ", ".join(_flat(values))


def _key(values: Values, number: str, _: Names) -> str:
    """The name of one field of an object."""
    ((held,),) = values
    return str(list(held)[int(number)])


def _json(values: Values, _: str, __: Names) -> str:
    import json

    value: Any
    ((value,),) = values
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)


FORMS: dict[str, Form] = {
    "text": _one, "amount": _amount, "brief": _brief, "number": _number, "least": _least, "most": _most,
    "interval": _interval, "share": _share, "symbol": _symbol, "whole": _whole, "count": _count,
    "count_and": _count_and, "kinds": _kinds, "time": _time, "first": _first, "last": _last, "span": _span,
    "stop": _stop, "money": _money, "price": _price, "rate": _rate, "hundredths": _hundredths, "code": _code,
    "actor": _actor, "firmness": _firmness, "priced": _priced, "listed": _listed, "json": _json, "key": _key,
}  # fmt: skip
