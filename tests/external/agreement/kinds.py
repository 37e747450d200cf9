"""The registry of kinds of mutation. A kind is a function from a template's data to mutants: (what was done, text or data).

`good` kinds change a template into another one that is fine.
"""

BAD, GOOD = {}, {}


def bad(function):
    """Registers a kind that breaks a template."""
    BAD[function.__name__.replace("_", "-")] = function
    return function


def good(function):
    """Registers a kind that leaves a template fine."""
    GOOD[function.__name__.replace("_", "-")] = function
    return function
