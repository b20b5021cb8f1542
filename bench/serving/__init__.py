"""Queries that arrive by themselves: the server scenario, its queue in theory, and the devices that a load needs."""
