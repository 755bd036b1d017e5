"""Every figure and every claim of the paper, reproduced by one call.

>>> from sigmalloc.paper import reproduce
>>> found = reproduce("sigmalloc-out", only="1b", quick=True)  # doctest: +SKIP
>>> found.claims[0]["verdict"]  # doctest: +SKIP
'partly'

Studies (`studies`) compute, claims (`claims`) judge, `figures` draw and `report` writes one page about all of it.
"""

from .reproducing import Reproduction, names, reproduce

__all__ = ["Reproduction", "names", "reproduce"]
