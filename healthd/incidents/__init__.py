"""One cause, one incident: from flips, readings and the device tree to what has to be repaired, and by whom."""
