"""Countries that the registry names, and the part of the world that a claim would count them to.

Invariant: a region is a continent as claims name it; Central America and the Caribbean count as North America.
"""

from __future__ import annotations

REGIONS = {
    "africa": "Africa",
    "asia": "Asia",
    "europe": "Europe",
    "north-america": "North America",
    "oceania": "Oceania",
    "south-america": "South America",
}

_CODES = {
    "africa": "EG GM KE LR NG SC TN ZA",
    "asia": "AE BD BH CN CY HK ID IL IN IQ IR JP KH KP KR KW KZ LK MO MY PH PK QA SA SG TH TR TW VN",
    "europe": "AT BE BG CH CZ DE DK EE ES FI FR GB GG GI GR HU IE IM IS IT JE LI LT LU LV MC MT NL NO PL PT RO RS RU "
    "SE SI SK SM UA",
    "north-america": "AI BB BM BS BZ CA CR CW DM GD GT HN KN KY LC MX NI PA SV TC US VC VG",
    "oceania": "AU FJ MH NZ SB VU WS",
    "south-america": "AR BO BR CL CO EC GY PE PY SR UY VE",
}

COUNTRIES = {code: region for region, codes in _CODES.items() for code in codes.split()}
"""ISO 3166 code to region, for the countries that may be named."""
