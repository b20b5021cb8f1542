"""What a machine gives and takes: devices, clocks, memory, energy, the rate of its arithmetic."""
