"""The sources of a token, and the tokens that are accepted."""

from __future__ import annotations

import hmac
import json
import logging
from typing import TYPE_CHECKING, Any

import pytest
from werkzeug import Request, Response

from chalicelib.model.errors import ConfigurationError, StoreUnavailableError
from chalicelib.model.moment import Moment
from chalicelib.observability.powertools import PowertoolsObservability
from chalicelib.settings.token_reference import TokenReference
from chalicelib.tokens import aws_call, aws_stores
from chalicelib.tokens.aws_stores import inter_cloud_token
from tests.unit.chalicelib.servers import Drip, Scripted

if TYPE_CHECKING:
    from chalicelib.tokens.inter_cloud_token import InterCloudToken

VARIABLE = "INTER_CLOUD_TOKEN"
CURRENT = "current-token-0123456789"
PREVIOUS = "previous-token-987654321"
OTHER = "some-other-token-0123456"


def source(value: str, *, max_age: int = 60) -> InterCloudToken:
    return inter_cloud_token(TokenReference.parse(VARIABLE, value, max_age=max_age))


@pytest.fixture(params=["on a machine", "in Lambda"])
def aws_environment(aws_environment, monkeypatch, request):
    """In Lambda the SDK is asked only where a plain call gave no answer."""
    if request.param == "in Lambda":
        monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "a-function")
        monkeypatch.setenv("AWS_REGION", "eu-central-1")
    return aws_environment


@pytest.fixture
def put_parameter(aws_environment):
    """Write an SSM parameter, and delete it after the test."""
    client = aws_environment.client("ssm")
    names = set()

    def put(name: str, value: str) -> None:
        names.add(name)
        client.put_parameter(Name=name, Value=value, Type="SecureString", Overwrite=True)

    yield put
    client.delete_parameters(Names=sorted(names))


@pytest.fixture
def create_secret(aws_environment):
    """Make a secret of Secrets Manager, and delete it after the test."""
    client = aws_environment.client("secretsmanager")
    arns = []

    def create(**secret: Any) -> str:
        arn: str = client.create_secret(**secret)["ARN"]
        arns.append(arn)
        return arn

    yield create
    for arn in arns:
        client.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)


@pytest.fixture
def later(monkeypatch):
    """Let the time pass by which fetched values age."""

    passed = 0.0

    def now() -> Moment:
        monotonic, wall = Moment.now()
        return Moment(monotonic + passed, wall + int(passed * 1e9))

    monkeypatch.setattr(aws_stores, "_now", now)

    def later(seconds: float) -> None:
        nonlocal passed
        passed += seconds

    return later


class Store:
    """SSM and Secrets Manager in one, keeping one value, until it shall fail."""

    def __init__(self) -> None:
        self.value = CURRENT
        self._error: tuple[int, str, str] | None = None

    def fail(self, status: int, code: str, message: str = "so says the store") -> None:
        self._error = (status, code, message)

    def answer(self, _request: Request) -> Response:
        if self._error:
            status, code, message = self._error
            body = json.dumps({"__type": code, "message": message})
            return Response(body, status, {"x-amzn-ErrorType": code})
        kept = {"Parameter": {"Value": self.value}, "SecretString": self.value}
        return Response(json.dumps(kept))


@pytest.fixture
def store(aws_environment, monkeypatch, httpserver):
    store = Store()
    httpserver.expect_request("/").respond_with_handler(store.answer)
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", _at_once)
    for service in ("SSM", "SECRETS_MANAGER"):
        monkeypatch.setenv(f"AWS_ENDPOINT_URL_{service}", httpserver.url_for("/"))
    return store


def _at_once(_backoff, _context):
    return 0


def _unwanted(_ask_store, _part):
    raise AssertionError("the store needn't be asked")


class TestALiteralValue:
    def test_is_sent_and_accepted(self):
        token = source(CURRENT)
        assert token.current() == CURRENT
        assert token.accepts(CURRENT)

    def test_may_be_surrounded_by_whitespace(self):
        assert source(f"  {CURRENT}\n").current() == CURRENT

    @pytest.mark.parametrize("text", [f"{CURRENT},{PREVIOUS}", f" {CURRENT} , {PREVIOUS} "])
    def test_of_two_tokens_is_accepted_with_both_and_sent_with_the_first(self, text):
        token = source(text)
        assert token.current() == CURRENT
        assert token.accepts(CURRENT)
        assert token.accepts(PREVIOUS)
        assert not token.accepts(OTHER)

    @pytest.mark.parametrize(
        "given",
        [
            None,
            "",
            OTHER,
            CURRENT[:-1],
            CURRENT + "0",
            CURRENT.upper(),
            f"{CURRENT},{PREVIOUS}",
            f" {CURRENT}",
            "tökén-with-letters-beyond-ascii",
        ],
    )
    def test_accepts_nothing_else(self, given):
        assert not source(f"{CURRENT},{PREVIOUS}").accepts(given)

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "short",
            "123456789012345",
            f"{CURRENT},",
            f",{CURRENT}",
            f"{CURRENT},{PREVIOUS},{OTHER}",
            f"{CURRENT},short",
            f"{CURRENT} {PREVIOUS}",
            "token-with-a-\x00-character",
            "tökén-with-letters-beyond-ascii",
            'token-in-"quotes"-0123456789',
        ],
    )
    def test_that_is_no_token_is_refused_by_the_variables_name_alone(self, text):
        with pytest.raises(ConfigurationError, match=f"^{VARIABLE} must be ") as refusal:
            source(text)
        for part in text.replace(",", " ").split():
            assert part not in str(refusal.value)

    def test_of_sixteen_characters_is_long_enough(self):
        assert source("1234567890123456").current() == "1234567890123456"

    def test_may_have_every_letter_of_a_bearer_token(self):
        assert source("AZaz09._~+/=-AZaz09").current() == "AZaz09._~+/=-AZaz09"


class TestAReference:
    @pytest.mark.parametrize(
        "text",
        [
            "SSM:/twin/token-0123456789",
            "Ssm:/twin/token-0123456789",
            "secretmanager:twin-token-0123456789",
            "secrets:twin-token-0123456789",
            "parameter:/twin/token-0123456789",
            "/twin/token-0123456789",
            "arn:aws:ssm:eu-central-1:123456789012:parameter/twin/token",
            "https://vault.example.com/token",
        ],
    )
    def test_that_is_misspelt_is_not_taken_for_a_token(self, text):
        with pytest.raises(ConfigurationError, match="only ssm:NAME and secretsmanager:NAME"):
            source(text)

    @pytest.mark.parametrize("store", ["ssm", "secretsmanager"])
    def test_without_a_name_is_refused(self, store):
        with pytest.raises(ConfigurationError, match=f"names no {store} entry"):
            source(f"{store}:")

    def test_to_ssm_is_fetched_and_decrypted(self, put_parameter):
        put_parameter("/twin/token", f"{CURRENT},{PREVIOUS}")
        token = source("ssm:/twin/token")
        assert token.current() == CURRENT
        assert token.accepts(PREVIOUS)

    def test_to_secrets_manager_is_fetched_by_name_and_by_arn(self, create_secret):
        arn = create_secret(Name="twin-token", SecretString=CURRENT)
        assert source("secretsmanager:twin-token").current() == CURRENT
        assert source(f"secretsmanager:{arn}").current() == CURRENT

    def test_to_a_binary_secret_is_refused(self, create_secret):
        create_secret(Name="binary-token", SecretBinary=CURRENT.encode())
        with pytest.raises(
            ConfigurationError, match=r"binary-token.* must be a string, not binary"
        ):
            source("secretsmanager:binary-token").current()

    def test_to_something_that_is_no_token_is_refused_without_showing_it(self, put_parameter):
        put_parameter("/twin/bad", "secret stuff")
        with pytest.raises(ConfigurationError, match=r"ssm:/twin/bad\) must be ") as refusal:
            source("ssm:/twin/bad").current()
        assert "secret stuff" not in str(refusal.value)

    @pytest.mark.parametrize("text", ["ssm:/twin/missing", "secretsmanager:missing"])
    def test_to_nothing_is_a_configuration_error_that_names_it(self, aws_environment, text):
        with pytest.raises(ConfigurationError, match=f"{VARIABLE} refers to .{text}") as refusal:
            source(text).current()
        assert "Check that it exists" in str(refusal.value)

    def test_is_not_followed_before_it_is_needed(self, aws_environment):
        source("ssm:/twin/missing")  # raises nothing

    @pytest.mark.parametrize("text", ["ssm:/twin/token", "secretsmanager:twin-token"])
    def test_that_is_denied_is_a_configuration_error(self, store, text):
        store.fail(400, "AccessDeniedException")
        with pytest.raises(ConfigurationError, match="policy allows it"):
            source(text).current()

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("ssm:/twin/token", "The ciphertext refers to a customer master key that ..."),
            ("ssm:/twin/token", "User: x is not authorized to perform: kms:Decrypt on y"),
            ("secretsmanager:twin-token", "Access to KMS is not allowed"),
        ],
    )
    def test_under_a_key_that_may_not_be_used_names_the_permission(self, store, text, message):
        store.fail(400, "AccessDeniedException", message)
        with pytest.raises(ConfigurationError, match="policy allow kms:Decrypt on its key"):
            source(text).current()

    @pytest.mark.parametrize(
        ("status", "code"), [(500, "InternalServerError"), (400, "ThrottlingException")]
    )
    def test_to_a_store_that_is_away_or_throttles_is_unavailable(self, store, status, code):
        store.fail(status, code)
        with pytest.raises(StoreUnavailableError, match=r"ssm:/twin/token.*so says the store"):
            source("ssm:/twin/token").current()

    def test_to_a_store_whose_answer_drips_is_unavailable_in_time(self, store, monkeypatch):
        for module in (aws_call, aws_stores):
            monkeypatch.setattr(module, "TIMEOUTS", (1, 0.1))
        with Scripted(Drip(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n")) as server:
            monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", f"http://127.0.0.1:{server.port}")
            with pytest.raises(StoreUnavailableError, match="can't be fetched"):
                source("ssm:/twin/token").current()
            assert 2 <= len(server.requests) <= 3

    def test_to_a_store_that_cannot_be_reached_is_unavailable(self, store, monkeypatch):
        monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", "http://127.0.0.1:1")
        with pytest.raises(StoreUnavailableError, match="can't be fetched"):
            source("ssm:/twin/token").current()


class TestAFunctionOfLambda:
    @pytest.fixture(autouse=True)
    def _no_sdk(self, aws_environment, monkeypatch):
        monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "a-function")
        monkeypatch.setenv("AWS_REGION", "eu-central-1")
        monkeypatch.setattr(aws_stores, "_provider", None)

    def test_reads_a_parameter_without_the_sdk(self, put_parameter):
        put_parameter("/twin/token", CURRENT)
        assert source("ssm:/twin/token").current() == CURRENT

    def test_reads_a_secret_without_the_sdk(self, store):
        assert source("secretsmanager:twin-token").current() == CURRENT


class TestAge:
    def test_a_fetched_value_is_used_until_it_is_too_old(self, put_parameter, later):
        put_parameter("/twin/token", CURRENT)
        token = source("ssm:/twin/token", max_age=60)
        assert token.current() == CURRENT
        put_parameter("/twin/token", f"{OTHER},{CURRENT}")
        later(59)
        assert token.current() == CURRENT
        later(2)
        assert token.current() == OTHER
        assert token.accepts(CURRENT)

    def test_only_what_has_to_be_fetched_is_waited_for_and_not_longer_than_the_caller_waits(
        self, put_parameter, later
    ):
        parts = []

        def gives_up(_ask_store, part):
            parts.append(part)
            raise StoreUnavailableError("that took too long")

        put_parameter("/twin/token", CURRENT)
        token = source("ssm:/twin/token", max_age=60)
        with pytest.raises(StoreUnavailableError, match="that took too long"):
            token.current(gives_up)
        assert token.current() == CURRENT
        put_parameter("/twin/token", OTHER)
        assert token.current(_unwanted) == CURRENT
        later(61)
        assert token.current(gives_up) == CURRENT
        # Whoever has a value to go on with needs time to use it.
        assert parts == [1, 0.5]

    @pytest.mark.parametrize(
        ("status", "code"), [(503, "ServiceUnavailable"), (400, "ThrottlingException")]
    )
    @pytest.mark.parametrize("reference", ["ssm:/twin/token", "secretsmanager:twin-token"])
    def test_a_store_that_is_away_does_not_matter_once_a_value_is_known(
        self, store, later, capsys, reference, status, code
    ):
        token = source(reference, max_age=60)
        assert token.current() == CURRENT
        later(61)
        store.fail(status, code)
        assert token.current() == CURRENT
        log = capsys.readouterr().out
        assert "the value known so far is used" in log
        assert CURRENT not in log

    def test_that_a_known_value_is_used_on_is_logged_with_the_requests_trace_id(
        self, store, later, capsys
    ):
        token = source("ssm:/twin/token")
        token.current()
        later(61)
        store.fail(503, "ServiceUnavailable")
        with PowertoolsObservability("reader-of-this-test").request("trace-of-this-test"):
            token.current()
        (line,) = [each for each in capsys.readouterr().out.splitlines() if "known so far" in each]
        assert json.loads(line)["trace_id"] == "trace-of-this-test"

    def test_a_value_that_was_withdrawn_is_not_used_on(self, store, later):
        token = source("ssm:/twin/token", max_age=60)
        token.current()
        later(61)
        store.fail(400, "ParameterNotFound")
        with pytest.raises(ConfigurationError, match="Check that it exists"):
            token.current()

    def test_a_known_value_is_not_used_for_another_reference(self, store):
        source("ssm:/twin/token").current()
        store.fail(503, "ServiceUnavailable")
        with pytest.raises(StoreUnavailableError):
            source("ssm:/twin/another").current()


class TestSecrecy:
    @pytest.mark.parametrize("given", [CURRENT, PREVIOUS, OTHER, None])
    def test_every_candidate_is_compared_whichever_one_matches(self, monkeypatch, given):
        compared = []
        compare = hmac.compare_digest

        def spy(one, other):
            compared.append((one, other))
            return compare(one, other)

        monkeypatch.setattr(hmac, "compare_digest", spy)
        source(f"{CURRENT},{PREVIOUS}").accepts(given)
        presented = (given or "").encode()
        assert compared == [(presented, CURRENT.encode()), (presented, PREVIOUS.encode())]

    def test_a_source_does_not_show_its_value(self):
        assert CURRENT not in repr(source(CURRENT)) + str(source(CURRENT))

    @pytest.mark.parametrize(
        ("root", "before", "after"),
        [
            (logging.WARNING, logging.DEBUG, logging.INFO),
            (logging.DEBUG, logging.NOTSET, logging.INFO),
            (logging.WARNING, logging.NOTSET, logging.NOTSET),
            (logging.DEBUG, logging.INFO, logging.INFO),
            (logging.DEBUG, logging.ERROR, logging.ERROR),
        ],
    )
    def test_botocores_log_is_raised_from_debug_and_else_left_alone(
        self, put_parameter, monkeypatch, root, before, after
    ):
        monkeypatch.delenv(
            "AWS_LAMBDA_FUNCTION_NAME", raising=False
        )  # it would do without botocore
        put_parameter("/twin/token", CURRENT)
        logging.getLogger().setLevel(root)
        logging.getLogger("botocore").setLevel(before)
        source("ssm:/twin/token").current()
        assert logging.getLogger("botocore").level == after

    def test_the_token_is_in_no_log_when_it_is_fetched(self, put_parameter, caplog):
        put_parameter("/twin/token", CURRENT)
        caplog.set_level(logging.DEBUG)
        source("ssm:/twin/token").current()
        assert "http" in caplog.text  # urllib3 does log at this level
        assert CURRENT not in caplog.text
