"""Files made to hurt who opens them, and what happens."""
