"""Configs: YAML -> strict models -> trials, with the axes that multiply them.

::

    reading.py   YAML, unknown keys, the first fault of many: what every kind of config shares
    fields.py    the fields of a trial: which are whose, what they may be, which play no part
    axes.py      the cells of a sweep
    plan.py      a whole file, with what the command line adds
"""
