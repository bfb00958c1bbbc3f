"""Why a hub cannot be reached, and what a person can do about it. Words for errors; no I/O."""

import errno
import os
import ssl
from typing import Final

import aiohttp

from tidelog.syncd.agent.target.distrust import EXPIRED, NOT_YET_VALID, OTHER_NAME, UNTRUSTED

_REMEDIES: Final = {
    errno.ECONNREFUSED: "start the hub there, or correct the address",
    errno.ENETUNREACH: "mend the network of this machine",
    errno.EHOSTUNREACH: "start that machine, mend the network, or correct the address",
    errno.ETIMEDOUT: "start that machine, mend the network, or correct the address",
}

_ASK_PROXY: Final = "ask who runs it, or name the hub in NO_PROXY"


def why_unreachable(error: Exception, host: str) -> str:
    """Return what the system said without the library's words around it, and the remedy."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return _certificate(error.certificate_error, host)
    if isinstance(error, aiohttp.ClientConnectorSSLError):
        return f"it does not speak TLS as we do ({error.os_error.strerror}); is it an http:// address?"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        said = error.os_error.strerror or "the name is not known"
        return f"{said}; mend the network of this machine, or correct the name {host}"
    if isinstance(error, aiohttp.ClientProxyConnectionError):
        said = os.strerror(error.os_error.errno or 0)
        proxy = f"the proxy {error.host}:{error.port} of HTTP_PROXY or HTTPS_PROXY"
        return f"{proxy}: {said}; start it, or unset the variable"
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return f"the proxy of HTTPS_PROXY answered with status {error.status}; {_ASK_PROXY}"
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "the connection ended without an answer; see whether the hub runs, or what its log says"
    if isinstance(error, aiohttp.ServerTimeoutError):
        return f"no connection in time; {_REMEDIES[errno.ETIMEDOUT]}"
    if isinstance(error, aiohttp.ClientConnectorError):
        number, text = error.os_error.errno, error.os_error.strerror
        # The system's numbers are positive, the resolver's negative.
        said = os.strerror(number) if number is not None and number > 0 else text or str(error)
        remedy = _REMEDIES.get(number or 0)
        return f"{said}; {remedy}" if remedy else said
    return str(error) or type(error).__name__


def _certificate(error: Exception, host: str) -> str:
    code = error.verify_code if isinstance(error, ssl.SSLCertVerificationError) else None
    if code in OTHER_NAME:
        return (
            f"its certificate is for another name; correct the address, or give the hub a certificate "
            f"for {host}"
        )
    if code == EXPIRED:
        return "its certificate has expired; have it renewed, or set the clock of this machine right"
    if code == NOT_YET_VALID:
        return "its certificate is not valid yet; set the clock of this machine right"
    if code in UNTRUSTED:
        return (
            "its certificate is signed by nobody that this machine trusts; set SSL_CERT_FILE to the "
            "certificate of who signed it"
        )
    return f"its certificate is not trusted: {error}"
