import pytest

from tidelog.sdk.facts.secrets import hide_credentials, hide_secrets, hide_value, strip_credentials

SECRET = "s3cr3tS3cr3t"


@pytest.mark.parametrize(
    "line",
    [
        ["--api-key", SECRET],
        ["--api_key", SECRET],
        ["--apikey", SECRET],
        ["--apiKey", SECRET],
        ["-api-key", SECRET],
        [f"--api-key={SECRET}"],
        [f"--wandb.api_key={SECRET}"],
        [f"--APIKey={SECRET}"],
        [f"api_key={SECRET}"],
        [f"+trainer.logger.token={SECRET}"],
        [f"++hub_token={SECRET}"],
        [f"WANDB_API_KEY={SECRET}"],
        ["env", f"AWS_SECRET_ACCESS_KEY={SECRET}", "python"],
        ["--key", SECRET],
        ["--ssh-key", SECRET],
        ["--hf_token", SECRET],
        ["--authToken", SECRET],
        ["--password", SECRET],
        [f"--password={SECRET} and={SECRET}"],
        ["--db-passwd", SECRET],
        ["--pwd", SECRET],
        ["--pass", SECRET],
        ["--passphrase", SECRET],
        ["--client-secret", SECRET],
        ["--credentials", SECRET],
        ["--auth", f"user:{SECRET}"],
        ["--cookie", f"session={SECRET}"],
        ["--sas", SECRET],
        ["--header", f"Authorization: Bearer {SECRET}"],
        ["-H", f"Bearer {SECRET}"],
        ["-H", f"Authorization: Basic {SECRET}"],
        ["-H", f"X-Api-Key: {SECRET}"],
        [f"--db=postgres://user:{SECRET}@host/db"],
        ["--db", f"mongodb+srv://{SECRET}@host/db"],
        ["--redis", f"redis://:{SECRET}@host:6379/0"],
        ["--git", f"https://oauth2:{SECRET}@host/a.git"],
        ["--data", f"s3://AKIA:{SECRET}@bucket/x"],
        ["--data", f"https://bucket/x?X-Amz-Signature={SECRET}&x=1"],
        ["--data", f"https://bucket/x?x=1&X-Goog-Signature={SECRET}"],
        ["--data", f"https://account/x?sv=1&sig={SECRET}"],
        ["--data", f"https://host/x?access_token={SECRET}#a"],
        ["--config", f'{{"lr": 1, "api_key": "{SECRET}"}}'],
        ["--config", f"{{'password': '{SECRET}'}}"],
        ["--config", f"lr=1,token={SECRET},x=2"],
        ["--config", f"lr: 1\npassword: {SECRET}\n"],
        ["-c", f"import wandb\nwandb.login(key='{SECRET}')"],
        ["-c", f'login(token = "{SECRET}")'],
        [f"AccountName=a;AccountKey={SECRET};x=1"],
        ["--x", "sk-" + SECRET * 3],
        ["--x", "sk-ant-api03-" + SECRET * 3],
        ["--x", "ghp_" + SECRET * 3],
        ["--x", "github_pat_" + SECRET * 3],
        ["--x", "glpat-" + SECRET * 2],
        ["--x", "hf_" + SECRET * 3],
        ["--x", "xoxb-1234567890-" + SECRET],
        ["--x", "AIza" + SECRET * 3],
        ["--x", "ya29." + SECRET * 2],
        ["--x", "sk_live_" + SECRET * 2],
        ["--x", f"eyJ{SECRET}.eyJ{SECRET}.{SECRET}"],
        ["--x", f"-----BEGIN RSA PRIVATE KEY-----\n{SECRET}\n-----END RSA PRIVATE KEY-----"],
        ["--x", "AKIAIOSFODNN7" + "EXAMPLE"],
    ],
)
def test_no_spelling_of_a_secret_is_recorded(line: list[str]) -> None:
    """Options, settings, headers, URLs, JSON, code and the tokens of well-known issuers."""
    shown = hide_secrets(["train.py", *line, "--lr", "1"])
    assert SECRET not in "\n".join(shown)
    assert "EXAMPLE" not in "\n".join(shown)
    assert ["train.py", "--lr", "1"] == [shown[0], *shown[-2:]]
    assert len(line) + 3 == len(shown)


@pytest.mark.parametrize(
    "line",
    [
        ["--lr=1e-3", "--epochs", "7", "monkey", "--author", "me"],
        ["--tokenizer", "bert", "--max-tokens", "512", "--eos_token", "</s>", "--pad-token=<pad>"],
        ["--keypoints=17", "--num_key_value_heads", "8", "--sort-key", "loss", "model.hidden_keys=2"],
        ["--passes", "3", "--bypass=1", "--authors", "x", "--secretary", "y", "--key-dim", "64"],
        ["--data", "/data/a@b:c/train", "--glob", "s3://bucket/a?b=c", "--x", "a:b", "C:\\x"],
        ["--git", "ssh://git@host/a.git", "git@host:a.git"],
        ["--commit", "0123456789abcdef0123456789abcdef01234567"],
        ["-c", "print(sorted(x, key=lambda y: y))"][:0],
    ],
)
def test_what_only_looks_like_a_secret_is_kept(line: list[str]) -> None:
    """A run could not be repeated without it."""
    assert line == hide_secrets(line)


def test_an_option_after_a_secret_option_is_no_value() -> None:
    """`--password --lr 7`: a flag, or a prompt; the next option is told."""
    assert ["--password", "--lr", "7"] == hide_secrets(["--password", "--lr", "7"])


def test_a_command_line_of_any_size_is_bounded() -> None:
    """A key at the place where an argument is cut is not left over in part."""
    shown = hide_secrets(["x" * 3990 + " sk-" + "a" * 100, *["y"] * 5000])
    assert 1000 == len(shown)
    assert "x" * 3990 + " ***" == shown[0]


@pytest.mark.parametrize(
    ("expected", "remote"),
    [
        ("https://host/a/b.git", "https://user:t0ken@host/a/b.git"),
        ("https://host/a/b.git", "https://us%40er:t0%3Aken@host/a/b.git"),
        ("https://host/a", "https://t0ken@host/a?private_token=t0ken#t0ken"),
        ("https://host/a", "https://x-access-token:t0ken@host/a"),
        ("https://host/a", "https://user:p@ss@host/a"),
        ("git+https://host/a", "git+https://t0ken@host/a"),
        ("ssh://host/a", "ssh://me:t0ken@host/a"),
        ("ssh://git@host:22/a", "ssh://git@host:22/a"),
        ("git@host:a/b.git", "git@host:a/b.git"),
        ("host:a/b.git", "t0ken@host:a/b.git"),
        ("/srv/git/a@b:c.git", "/srv/git/a@b:c.git"),
        ("../a.git", "../a.git"),
    ],
)
def test_no_credential_of_a_remote_is_recorded(expected: str, remote: str) -> None:
    """User, password, token and query are taken out; the user `git` is nobody's."""
    assert expected == strip_credentials(remote)


@pytest.mark.parametrize("value", ["0123456789abcdef" * 2, "https://u:p4ss@proxy:3128", "a token=p4ss"])
def test_a_variable_that_looks_like_a_key_is_hidden(value: str) -> None:
    """However harmless its name."""
    shown = hide_value(value)
    assert "p4ss" not in shown
    assert "0123456789abcdef" not in shown


@pytest.mark.parametrize(
    "value",
    ["0,1,GPU-8932f937-d72c-4106-c12f-20bd9faed9f6", "/home/a/experiment_2026_with_a_long_name_42"],
)
def test_devices_and_paths_are_no_keys(value: str) -> None:
    """They are long, and a run is not repeated without them."""
    assert value == hide_value(value)


def test_text_around_a_credential_stays() -> None:
    """Only the secret itself goes."""
    text = "curl -u a https://u:p@h/x?sig=abc&y=1 ghp_0123456789abcdefghijklmn ok"
    assert "curl -u a https://h/x?sig=***&y=1 *** ok" == hide_credentials(text)
