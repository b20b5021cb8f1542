"""Results in an experiment tracker, beside the results folder: a run of its own, and below it one for each trial.

::

    results ──▶ content (pure: parameters, measures, tags, files) ──▶ Tracker (mlflow) ── behind ──▶ Tracking (guarded)

A tracker is asked for (``--track``), never needed: what fails in it is one warning, and the run goes on without it.
Nothing is sent over a network unless the user names an address, and no password of an address is written anywhere.
To add one: a class of ``Tracker``'s shape and a line in ``TRACKERS``.
"""

from bench.secrets import said_command, without_secrets
from bench.trackers.guarded import Tracking, check_target, open_tracking
from bench.trackers.tracker import Tracker, What

__all__ = ["Tracker", "Tracking", "What", "check_target", "open_tracking", "said_command", "without_secrets"]
