"""Every query with its documents, for a person to look through: what the report's explorer shows.

It is collected at the end of a run, while the labelled sets are at hand, into ``DIR/explorer/``; publishing a results
folder then needs nothing but the folder.
"""
