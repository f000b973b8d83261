"""What is answered to HTTP's challenges. The guard against lock-outs is told in test_onvif and test_frame."""

from __future__ import annotations

from probes.login import Challenge, authorization, choose


def test_digest_is_that_of_rfc_7616() -> None:
    """The example of section 3.9.1 comes out, for both hashes, and the stronger is chosen."""
    rest = (
        'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo"'
    )
    both = [
        f'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=MD5, {rest}',
        f'Basic realm="x", Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=SHA-256, {rest}',
    ]
    responses = {
        1: "8ca523f5e9506fed4657c9700eebdbec",
        2: "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
    }
    for count, response_ in responses.items():
        challenge = choose(both[:count])
        assert challenge is not None
        once = ("f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", 1)
        header = authorization(challenge, "GET", "/dir/index.html", ("Mufasa", "Circle of Life"), once)
        assert f'response="{response_}"' in header


def test_challenges_that_cannot_be_answered_are_none() -> None:
    """Unknown schemes and hashes, integrity only, undecodable bytes and garbage are no challenge."""
    for header in (
        "Negotiate",
        'Digest realm="a", nonce="b", algorithm=SHA-512-256',
        'Digest realm="a", nonce="b", qop="auth-int"',
        'Digest realm="\udcff", nonce="b"',
        '="',
        "",
    ):
        assert choose([header]) is None
    assert choose(['Digest realm="a\\"b", nonce=c, Basic realm=""']) == Challenge(
        "digest", {"realm": 'a"b', "nonce": "c"}
    )
