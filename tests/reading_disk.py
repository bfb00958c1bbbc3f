"""A disk that counts the bytes that are read through it."""

from tidelog.datastore.disk import Disk


class ReadingDisk(Disk):
    """Set `bytes_read` to 0 to count from there on."""

    def __init__(self) -> None:
        self.bytes_read = 0

    def pread(self, fd: int, size: int, offset: int) -> bytes:
        data = super().pread(fd, size, offset)
        self.bytes_read += len(data)
        return data
