"""All that leaves the department or arrives in its formats."""
