"""Coins are fair, sealed and, for simulated people, repeatable (RULINGS E12)."""

from __future__ import annotations

import re

from biofeedback.evidence.trial import commitment
from biofeedback.session.coins import draw_coins


def test_e12_a_seed_gives_the_same_coins_again_and_another_seed_others() -> None:
    assert draw_coins(20, 5) == draw_coins(20, 5)
    assert draw_coins(20, 5) != draw_coins(20, 6)
    assert draw_coins(20, 5)[:3] == draw_coins(3, 5)


def test_e12_a_nonce_is_32_bytes_and_never_the_same() -> None:
    for coins in (draw_coins(50, 1), draw_coins(50, None)):
        assert all(re.fullmatch("[0-9a-f]{64}", coin.nonce) for coin in coins)
        assert len({coin.nonce for coin in coins}) == 50
        assert [coin.pair for coin in coins] == list(range(50))


def test_coins_of_seeds_are_fair_within_five_standard_errors() -> None:
    """4000 coins of 1000 seeds: a standard error is 31.6."""
    heads = sum(coin.coin for seed in range(1000) for coin in draw_coins(4, seed))
    assert abs(heads - 2000) <= 158
    assert {coin.coin for coin in draw_coins(200, None)} == {0, 1}


def test_e12_the_seal_names_session_pair_coin_and_nonce() -> None:
    coin = draw_coins(3, 1)[2]
    assert coin.sealed("s") == commitment("s", 2, coin.coin, coin.nonce)
    assert coin.sealed("s") != commitment("s", 2, 1 - coin.coin, coin.nonce)
