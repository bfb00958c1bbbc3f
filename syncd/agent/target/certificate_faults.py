"""What can be wrong with a certificate, as OpenSSL numbers it. Values; no I/O.

`man openssl-verification-options` has the numbers: Python has no names for them.
"""

from typing import Final

NOT_YET_VALID: Final = 9
EXPIRED: Final = 10
UNTRUSTED: Final = (18, 19, 20, 21)
OTHER_NAME: Final = (62, 64)
