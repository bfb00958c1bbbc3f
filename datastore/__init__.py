"""The ground floor of tidelog: the log format, and all that reads or writes it."""
