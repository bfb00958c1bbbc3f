"""Reading the same rows back from the files of tidelog and of others: time, memory, bytes."""
