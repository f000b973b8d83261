"""The inventory: from the user's files to checked values, or every mistake in them at once."""
