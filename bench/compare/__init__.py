"""Two results folders, trial by trial: what changed, by how much, whether the queries carry it, and whether that is
within the bounds that were set. Nothing is written into either folder.

::

    two folders ──match──▶ pairs ──figures, differs──▶ Comparison ──rulings──▶ gates held or broken ──▶ text, JSON

==========  ================================================================================
match       which trial goes with which, and whether the two may be compared
figures     quality query by query with paired tests, cost with its relative change
differs     what was not the same: fields, models, libraries, the machine
comparison  all of it for two folders
gates       a bound as it is written on the command line
rulings     gates held against a comparison
text        changes and amounts as people read them
sections    a comparison as sections of text and tables
show        printed on a terminal
export      as Markdown and as JSON
==========  ================================================================================
"""
