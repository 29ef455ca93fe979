"""The thresholds of all families in one object, so that a caller can change any of them."""

from __future__ import annotations

from dataclasses import dataclass

from dyepack.patterns.coinjoin import joinmarket, wasabi, wasabi2, whirlpool


@dataclass(frozen=True, slots=True)
class Settings:
    """The thresholds of each family; the defaults are those that its rule states."""

    whirlpool: whirlpool.Limits = whirlpool.DEFAULT
    wasabi: wasabi.Limits = wasabi.DEFAULT
    wasabi_2: wasabi2.Limits = wasabi2.DEFAULT
    joinmarket: joinmarket.Limits = joinmarket.DEFAULT


DEFAULT = Settings()
