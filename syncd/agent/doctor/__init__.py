"""The doctor: looks at all that an agent needs, and says of each thing how it is and what to do."""
