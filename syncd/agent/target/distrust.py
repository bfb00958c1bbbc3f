"""Why a certificate is not trusted, as OpenSSL numbers it: Python has no names for that. No I/O.

See `man openssl-verification-options`.
"""

from typing import Final

NOT_YET_VALID: Final = 9
EXPIRED: Final = 10
UNTRUSTED: Final = (18, 19, 20, 21)
OTHER_NAME: Final = (62, 64)
