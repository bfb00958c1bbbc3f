"""What must never be recorded: credentials in command lines, URLs and environment variables. No I/O.

In doubt a value is hidden: a hidden learning rate is a nuisance, a recorded key is an accident. Names
that only look like secrets, `--max-tokens` or `--sort-key`, are common in training scripts and known.
"""

import re
from collections.abc import Sequence

ARGUMENTS_MAX = 1000
ARGUMENT_CHARACTERS_MAX = 4000
HIDDEN = "***"

_TELLING_WORDS = """
apikey apitoken auth authorization bearer cookie credential credentials creds passcode passphrase passwd
password passwords pwd sas secret secrets sig signature
"""
_TELLING_LAST_WORDS = ("key", "token", "pass")
# Words before `key` and `token` with which training scripts mean data, not a credential.
_HARMLESS_WORDS = """
answer audio batch bos caption class cls column context data dict eos end feature features field first
group id image images input join label labels loss mask max metric min monitor n next num output pad per
primary prompt query question sep sort source special split start state stop target text unk video word
"""
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")

# Spellings that issuers give their credentials so that programs like this one find them.
_TOKENS = re.compile(
    r"""
    -----BEGIN\ [A-Z ]*PRIVATE\ KEY-----[^-]*(-----END\ [A-Z ]*PRIVATE\ KEY-----)?
    | \b (?: sk-[A-Za-z0-9_-]{16,}              # OpenAI, Anthropic
    | (?:gh[opsur]|github_pat)_[A-Za-z0-9_]{20,}  # GitHub
    | gl(?:pat|rt|dt|cbt|ptt)-[A-Za-z0-9_-]{16,}  # GitLab
    | hf_[A-Za-z0-9]{16,}                       # Hugging Face
    | (?:wandb_v1|tide|nvapi|npm|dop_v1|pypi)[-_][A-Za-z0-9_-]{24,}
    | (?:AKIA|ASIA)[A-Z0-9]{16}                 # AWS
    | AIza[A-Za-z0-9_-]{30,}                    # Google
    | ya29\.[A-Za-z0-9_-]{16,}                  # Google OAuth
    | xox[abeprs]-[A-Za-z0-9-]{10,}             # Slack
    | [rs]k_(?:live|test)_[A-Za-z0-9]{16,}      # Stripe
    | eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?  # JSON web token
    )
    """,
    re.VERBOSE,
)
_SCHEME = re.compile(r"(?<=://)[^/\s'\"?#]*@")
_AUTHORIZATION = re.compile(r"\b(Bearer|Basic|Token)\s+[^\s'\",;]{6,}", re.IGNORECASE)
_ASSIGNMENT = re.compile(
    r"""(?P<name>[A-Za-z_][\w.-]*)(?P<equals>["']?\s*[=:]\s*)"""
    r"""(?P<value>(?!//)(?:"[^"]*"|'[^']*'|[^\s,;&'"(){}\[\]]+))"""
)
_LONG_WORD = re.compile(r"[A-Za-z0-9+=]{32,}")


def is_secret_name(name: str) -> bool:
    """Tell whether what goes by this name, of an option or a variable, is a credential."""
    words = [word.lower() for word in _WORDS.findall(name)]
    if any(word in _TELLING_WORDS.split() for word in words) or "apikey" in "".join(words):
        return True
    if not words or words[-1] not in _TELLING_LAST_WORDS:
        return False
    return len(words) == 1 or words[-2] not in _HARMLESS_WORDS.split()


def has_credential(text: str) -> bool:
    """Tell whether a text holds what is certainly a credential."""
    return _TOKENS.search(text) is not None


def hide_credentials(text: str) -> str:
    """Return text without credentials: known tokens, those in URLs, `name=value` of secret names."""
    text = _TOKENS.sub(HIDDEN, text)
    text = _SCHEME.sub(_keep_git_user, text)
    text = _AUTHORIZATION.sub(rf"\1 {HIDDEN}", text)
    return _ASSIGNMENT.sub(_hide_assigned, text)


def hide_secrets(arguments: Sequence[object]) -> list[str]:
    """Return a command line in which the values of options that name a secret are hidden."""
    shown: list[str] = []
    is_next_hidden = False
    for argument in arguments[:ARGUMENTS_MAX]:
        text = str(argument).encode("utf-8", "backslashreplace").decode()
        is_option = text.startswith("-")
        if is_next_hidden and not is_option:
            shown.append(HIDDEN)
        else:
            # Twice as much is looked at as is kept: a key must not be cut until nobody knows it.
            shown.append(_hide_argument(text[: 2 * ARGUMENT_CHARACTERS_MAX])[:ARGUMENT_CHARACTERS_MAX])
        is_next_hidden = is_option and "=" not in text and is_secret_name(text)
    return shown


def hide_value(value: str) -> str:
    """Return the value of an environment variable, hidden where it looks like a key."""
    value = value[:ARGUMENT_CHARACTERS_MAX]
    return HIDDEN if any(map(_is_random, _LONG_WORD.findall(value))) else hide_credentials(value)


def strip_credentials(remote: str) -> str:
    """Return a remote without user, password, token or query: `https://u:t@host/x` loses `u:t@`."""
    if "://" in remote:
        remote = _SCHEME.sub(_keep_git_user, re.split("[?#]", remote, maxsplit=1)[0])
        return _TOKENS.sub(HIDDEN, remote)
    user, at, rest = remote.partition("@")
    is_scp_like = bool(at) and ":" in rest and "/" not in user
    return rest if is_scp_like and user != "git" else remote


def _hide_argument(text: str) -> str:
    name, equals, _value = text.partition("=")
    if equals and "\n" not in name and " " not in name and "://" not in name and is_secret_name(name):
        return f"{name}={HIDDEN}"
    return hide_credentials(text)


def _hide_assigned(match: re.Match[str]) -> str:
    value = match["value"]
    if HIDDEN in value or not is_secret_name(match["name"]):
        return match[0]
    quote = value[0] if value[0] in "'\"" else ""
    return f"{match['name']}{match['equals']}{quote}{HIDDEN}{quote}"


def _is_random(word: str) -> bool:
    return any(c.isdigit() for c in word) and any(c.isalpha() for c in word)


def _keep_git_user(match: re.Match[str]) -> str:
    """`ssh://git@host` names no person and no secret, and without it nobody can clone."""
    return "git@" if match[0] == "git@" else ""
