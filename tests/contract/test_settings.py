"""The settings of a server and of a job."""

import pytest

from forecastle.contract.errors import InvalidJob
from forecastle.contract.settings import BATCH_BYTES, REALTIME_BYTES, Settings


def test_an_empty_environment_gives_the_documented_defaults() -> None:
    settings = Settings.from_environ({})
    assert (settings.host, settings.port) == ("127.0.0.1", 8080)
    assert settings.max_content_length == REALTIME_BYTES
    assert settings.timeout == 60
    assert not settings.batch


def test_variables_of_others_are_left_alone_and_empty_ones_are_not_set() -> None:
    settings = Settings.from_environ({"PATH": "/bin", "SAGEMAKER_BIND_TO_PORT": "", "SM_HOSTS": "x"})
    assert settings.model_dump() == Settings.from_environ({}).model_dump()


@pytest.mark.parametrize("value", ["true", "True", "TRUE", "1"])
def test_batch_transform_has_limits_of_its_own(value: str) -> None:
    settings = Settings.from_environ({"SAGEMAKER_BATCH": value})
    assert settings.batch
    assert (settings.timeout, settings.max_content_length) == (600, BATCH_BYTES)


def test_a_limit_that_is_set_holds_in_batch_transform_too() -> None:
    environ = {"SAGEMAKER_BATCH": "true", "MODEL_SERVER_TIMEOUT": "5", "MAX_CONTENT_LENGTH": "7"}
    settings = Settings.from_environ(environ)
    assert (settings.timeout, settings.max_content_length) == (5, 7)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("SAGEMAKER_BIND_TO_PORT", "70000", "must be an integer in [0, 65535]. Got '70000'."),
        ("MODEL_SERVER_TIMEOUT", "inf", "must be a number above 0. Got 'inf'."),
        ("SAGEMAKER_BATCH", "maybe", "must be true or false. Got 'maybe'."),
        ("SAGEMAKER_MULTI_MODEL", "several", "must be true or false. Got 'several'."),
        ("SAGEMAKER_BATCH_STRATEGY", "ALL", "must be one of SINGLE_RECORD, MULTI_RECORD. Got 'ALL'."),
    ],
)
def test_a_fault_names_the_variable(name: str, value: str, sentence: str) -> None:
    with pytest.raises(InvalidJob) as caught:
        Settings.from_environ({name: value})
    assert caught.value.sentence == f"Setting {name} {sentence}"


@pytest.mark.parametrize("value", ["true", "True", " TRUE", "1"])
def test_several_models_are_switched_on_in_any_case(value: str) -> None:
    assert Settings.from_environ({"SAGEMAKER_MULTI_MODEL": value}).multi_model


def test_several_models_take_one_process() -> None:
    environ = {"SAGEMAKER_MULTI_MODEL": "true", "MODEL_SERVER_WORKERS": "4"}
    with pytest.raises(InvalidJob, match=r"^Setting MODEL_SERVER_WORKERS must be 1 if .* Got '4'\.$"):
        Settings.from_environ(environ)
    assert Settings.from_environ(environ | {"SAGEMAKER_MULTI_MODEL": "false"}).workers == 4


@pytest.mark.parametrize(
    ("value", "origins"),
    [
        ("*", "*"),
        ("https://charts.example", "https://charts.example"),
        (" https://Charts.example , http://localhost:3000,", "https://charts.example,http://localhost:3000"),
    ],
)
def test_origins_are_as_browsers_send_them(value: str, origins: str) -> None:
    assert Settings.from_environ({"FORECASTLE_CORS_ORIGINS": value}).cors_origins == origins


@pytest.mark.parametrize(
    "value",
    ["charts.example", "https://", "https://charts.example/", "//charts.example", "https://a.example b.example"],
)
def test_an_origin_that_no_browser_sends_is_refused(value: str) -> None:
    with pytest.raises(InvalidJob) as caught:
        Settings.from_environ({"FORECASTLE_CORS_ORIGINS": value})
    assert caught.value.sentence == (
        "Setting FORECASTLE_CORS_ORIGINS must be * or origins such as https://charts.example, separated by commas. "
        f"Got {value!r}."
    )


@pytest.mark.parametrize("name", Settings.known())
def test_every_setting_is_named_like_a_variable_and_described(name: str) -> None:
    assert name == name.upper()
    description = Settings.known()[name].description
    assert description is not None
    assert description.endswith(".")
