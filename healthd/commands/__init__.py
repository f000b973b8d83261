"""What each command does. A module has `add_to(commands)`, which adds its parsers and their `work`."""
