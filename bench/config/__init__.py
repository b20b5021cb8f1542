"""Configs: YAML -> strict models -> trials, with the axes that multiply them.

::

    fields.py    the fields of a trial: which are whose, what they may be, which play no part
    axes.py      the cells of a sweep
    plan.py      a whole file, with what the command line adds
    sets.py      the labelled sets that a config names, checked
"""
