"""The hub's certificate: loaded, and loaded again when its files change, without a connection lost."""

import logging
import ssl
from typing import NamedTuple

from tidelog.datastore.disk import Disk
from tidelog.syncd.errors import CannotStartError

logger = logging.getLogger("tidelog.hub")
Version = tuple[tuple[int, int, int], ...]


class TlsFiles(NamedTuple):
    """The certificate with its chain, and the private key; both PEM."""

    certificate: str
    key: str


class Tls:
    """TLS with a certificate that may change: each handshake takes the one that was loaded last."""

    def __init__(self, files: TlsFiles, *, disk: Disk) -> None:
        """Load the files. Raises CannotStartError with what is wrong with which."""
        self._files = files
        self._disk = disk
        self._seen = self._version()
        self._current = _loaded(files)
        # What listens never changes; it hands each handshake over. Both must know what both can.
        self.context = _loaded(files)
        self.context.sni_callback = self._hand_over

    def __repr__(self) -> str:
        return f"<Tls by {self._files.certificate}>"

    def look(self) -> bool:
        """Load the files again where they have changed; tell whether another certificate is used now.

        While they do not fit each other, as when they are being written, the old one stays.
        """
        try:
            version = self._version()
            if version == self._seen:
                return False
            current = _loaded(self._files)
        except CannotStartError as error:
            logger.warning("the new certificate is not used: %s", error)
            return False
        self._seen, self._current = version, current
        return True

    def _hand_over(self, connection: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        del name, context
        connection.context = self._current

    def _version(self) -> Version:
        try:
            found = [self._disk.stat(path) for path in self._files]
        except OSError as error:
            raise CannotStartError(
                f"the TLS file {error.filename} cannot be read: {error.strerror}"
            ) from error
        return tuple((each.st_ino, each.st_size, each.st_mtime_ns) for each in found)


def _loaded(files: TlsFiles) -> ssl.SSLContext:
    """Return a context of TLS 1.2 or newer with these files."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        # An encrypted key would ask for its password on the terminal, of which a service has none.
        context.load_cert_chain(files.certificate, files.key, password=_no_password)
    except ssl.SSLError as error:
        raise CannotStartError(_in_words(files, error)) from error
    except OSError as error:
        where = error.filename or f"{files.certificate} or {files.key}"
        raise CannotStartError(
            f"the TLS file {where} cannot be read: {error.strerror}; the hub's user must be allowed to"
        ) from error
    except _EncryptedKeyError as error:
        raise CannotStartError(
            f"the key {files.key} is encrypted; a hub needs one without a password, which its user "
            "alone may read"
        ) from error
    return context


class _EncryptedKeyError(ValueError):
    pass


def _no_password() -> str:
    raise _EncryptedKeyError


def _in_words(files: TlsFiles, error: ssl.SSLError) -> str:
    if error.reason == "KEY_VALUES_MISMATCH":
        return f"the key {files.key} is not the one of the certificate {files.certificate}"
    return (
        f"{files.certificate} and {files.key} are no certificate and key in PEM: "
        f"{error.reason or error}; --tls-cert takes the certificate with its chain, --tls-key its key"
    )
