"""Mixer pools of one denomination (Tornado Cash and its kin): who may have taken out what somebody put in."""
